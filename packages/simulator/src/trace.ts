import type { Address } from './address.js';

export type Fate =
  | 'delivered'
  /** By chance. */
  | 'lost'
  /** The path was dead. */
  | 'blocked'
  /** Nobody is at its address. */
  | 'unroutable'
  /** A NAT let it through to nobody. */
  | 'filtered'
  /** The queue of the bottleneck had no room. */
  | 'queue-full'
  /** Longer than the path carries. */
  | 'too-large';

/** What became of one datagram, or of one copy of it. */
export interface TraceRecord {
  /** When this became of it. */
  readonly at: number;
  readonly sentAt: number;
  readonly from: Address;
  readonly to: Address;
  /** As it was sent; as it arrived if it was delivered. Nobody writes into it. */
  readonly bytes: Uint8Array;
  readonly fate: Fate;
}

const fateCodes: Readonly<Record<Fate, number>> = {
  delivered: 1,
  lost: 2,
  blocked: 3,
  unroutable: 4,
  'queue-full': 5,
  'too-large': 6,
  filtered: 7,
};

// Jest runs tests in a context of its own, where each look at a global such as `Math` costs much: one look is enough.
const { imul } = Math;

const clock = new Float64Array(1);
const clockWords = new Uint32Array(clock.buffer);

/**
 * A running hash of all that became of all datagrams: equal for equal runs, so that runs can be compared without
 * keeping them. Two lanes of 32 bits in the manner of MurmurHash3: quick, and no protection against malice.
 */
export class TraceDigest {
  #one = 0x6a09_e667;
  #two = 0x1f83_d9ab;

  /** @param path a hash of the addresses, from `hashOfText` */
  add(at: number, path: number, fate: Fate, bytes: Uint8Array): void {
    clock[0] = at;
    this.#word(clockWords[0] as number);
    this.#word(clockWords[1] as number);
    this.#word(path);
    this.#word((bytes.length << 3) | fateCodes[fate]);
    let [one, two] = [this.#one, this.#two];
    const whole = bytes.length & ~3;
    for (let i = 0; i < whole; i += 4) {
      const word =
        (bytes[i] as number) |
        ((bytes[i + 1] as number) << 8) |
        ((bytes[i + 2] as number) << 16) |
        ((bytes[i + 3] as number) << 24);
      one = imul(one ^ word, 0x9e37_79b1);
      one ^= one >>> 15;
      two = imul(two + word, 0x85eb_ca6b);
      two ^= two >>> 13;
    }
    this.#one = one;
    this.#two = two;
    for (let i = whole; i < bytes.length; i += 1) this.#word(bytes[i] as number);
  }

  /** 16 hexadecimal digits. */
  toString(): string {
    return [this.#one, this.#two].map((lane) => (lane >>> 0).toString(16).padStart(8, '0')).join('');
  }

  #word(word: number): void {
    this.#one = imul(this.#one ^ word, 0x9e37_79b1);
    this.#one ^= this.#one >>> 15;
    this.#two = imul(this.#two + word, 0x85eb_ca6b);
    this.#two ^= this.#two >>> 13;
  }
}

/** FNV-1a over the code units. */
export function hashOfText(text: string): number {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < text.length; i += 1) hash = imul(hash ^ text.charCodeAt(i), 0x0100_0193);
  return hash;
}
