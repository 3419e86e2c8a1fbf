/** Whether so many handshakes are asked for that they are to show cookies, and how many each source gets then. */
import { TokenBucket } from './token-bucket.js';

export const handshakeLoadLimits = {
  /** Of one source in a second, and at once (WireGuard's ratelimiter). */
  perSourcePerSecond: 20,
  perSourceBurst: 5,
  /** About 1 MiB; the source that was silent for the longest is forgotten first. */
  sources: 4_096,
} as const;

const windowMs = 1_000;

export class HandshakeLoad {
  /** When the newest initiations came, one more than may come in a second: a ring. */
  readonly #arrivals: Float64Array;
  #oldest = 0;
  /** By source, the stalest first. */
  readonly #buckets = new Map<string, TokenBucket>();

  /** @param initiationsPerSecond more of them are load; about what a small share of one core answers */
  constructor(initiationsPerSecond = 100) {
    this.#arrivals = new Float64Array(initiationsPerSecond + 1).fill(-Infinity);
  }

  /** How many sources are remembered. */
  get sourceCount(): number {
    return this.#buckets.size;
  }

  /** An initiation with a valid mac1 came. @returns whether that makes more than may come in a second */
  onInitiation(now: number): boolean {
    this.#arrivals[this.#oldest] = now;
    this.#oldest = (this.#oldest + 1) % this.#arrivals.length;
    return this.isUnderLoad(now);
  }

  isUnderLoad(now: number): boolean {
    return now - (this.#arrivals[this.#oldest] ?? -Infinity) < windowMs;
  }

  /**
   * Whether a source gets a handshake under load. Only ask for one that has shown a valid cookie: others could name any
   * source, and make this forget the true ones.
   * @param address IP address as text; of IPv6 the first 64 bits count, which is what one user has
   */
  admits(now: number, address: string): boolean {
    const source = sourceOf(address);
    const { perSourceBurst, perSourcePerSecond } = handshakeLoadLimits;
    const bucket = this.#buckets.get(source) ?? new TokenBucket(now, perSourcePerSecond, perSourceBurst);
    // To the end of the map's order.
    this.#buckets.delete(source);
    this.#buckets.set(source, bucket);
    if (this.#buckets.size > handshakeLoadLimits.sources) this.#forgetStalest();
    return bucket.take(now);
  }

  #forgetStalest(): void {
    for (const source of this.#buckets.keys()) {
      this.#buckets.delete(source);
      return;
    }
  }
}

/** IPv4 addresses as they are, also when they are mapped into IPv6; of others the first four groups. */
function sourceOf(address: string): string {
  if (!address.includes(':')) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped?.[1] !== undefined) return mapped[1];
  const [beforeGap = '', afterGap] = address.split('::');
  const before = beforeGap === '' ? [] : beforeGap.split(':');
  if (afterGap !== undefined) {
    const after = afterGap === '' ? [] : afterGap.split(':');
    // An IPv4 address at the end stands for two groups; they are behind the first four in any case.
    const afterGroups = after.length + (afterGap.includes('.') ? 1 : 0);
    for (let missing = 8 - before.length - afterGroups; missing > 0; missing -= 1) before.push('0');
    before.push(...after);
  }
  return before
    .slice(0, 4)
    .map((group) => parseInt(group, 16).toString(16))
    .join(':');
}
