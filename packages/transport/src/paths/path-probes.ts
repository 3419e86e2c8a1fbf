/**
 * What asks addresses whether they work, and answers when asked (RFC 9000, sections 8.2 and 9.1): for whoever chooses
 * among several paths. Each frame goes in a packet of its own that carries nothing else, and so leads nobody anywhere.
 *
 * Bounds: 64 frames that wait to leave, 64 questions that wait for their answer, 64 addresses that have answered; of each
 * the oldest is forgotten for a newer one.
 */
import { sameAddress, type Address } from '../address.js';
import type { RandomSource } from '../crypto-provider.js';
import { frameTypes, pathDataBytes } from '../wire/frame-types.js';

export const probeLimits = {
  waiting: 64,
  outstanding: 64,
  answered: 64,
  /** How long a question waits for keys, then for its answer, and how long that answer counts. */
  rememberedMs: 10_000,
} as const;

/** The one frame of a probing packet: 8 bytes of ours, or those of the peer. */
export interface ProbingFrame {
  readonly type: 'challenge' | 'response';
  readonly to: Address;
  readonly data: Uint8Array;
}

interface WaitingFrame extends ProbingFrame {
  readonly since: number;
}

interface Outstanding {
  readonly to: Address;
  readonly data: Uint8Array;
  readonly sentAt: number;
}

interface Answered {
  readonly to: Address;
  readonly at: number;
  readonly rttMs: number;
}

export class PathProbes {
  readonly #random: RandomSource;
  readonly #waiting: WaitingFrame[] = [];
  readonly #outstanding: Outstanding[] = [];
  #answered: Answered[] = [];

  constructor(random: RandomSource) {
    this.#random = random;
  }

  /** Whether there is something for `take`. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** A question for this address, unless one has not even left yet. */
  ask(now: number, to: Address): void {
    if (this.#waiting.some((frame) => frame.type === 'challenge' && sameAddress(frame.to, to))) return;
    this.#wait({ type: 'challenge', to: copyOf(to), data: this.#random(pathDataBytes), since: now });
  }

  /** The answer to a question from this address, whose 8 bytes are kept. */
  answer(now: number, to: Address, data: Uint8Array): void {
    this.#wait({ type: 'response', to: copyOf(to), data, since: now });
  }

  /** The next frame, which leaves now; undefined when there is none. */
  take(now: number): ProbingFrame | undefined {
    for (let frame = this.#waiting.shift(); frame; frame = this.#waiting.shift()) {
      // Nobody waits for it any more.
      if (now - frame.since > probeLimits.rememberedMs) continue;
      if (frame.type === 'challenge') {
        push(this.#outstanding, { to: frame.to, data: frame.data, sentAt: now }, probeLimits.outstanding);
      }
      return frame;
    }
    return undefined;
  }

  /**
   * A PATH_RESPONSE came, whatever its source: only who reads what is sent to the address could know the bytes.
   * @returns the address that it answers for, and the round trip; undefined for bytes that nobody waits for
   */
  onResponse(now: number, data: Uint8Array): { readonly to: Address; readonly rttMs: number } | undefined {
    const index = this.#outstanding.findIndex((one) => equal(one.data, data));
    const [asked] = index < 0 ? [] : this.#outstanding.splice(index, 1);
    if (!asked || now - asked.sentAt > probeLimits.rememberedMs) return undefined;
    const answered = { to: asked.to, at: now, rttMs: now - asked.sentAt };
    this.#answered = this.#answered.filter(({ to }) => !sameAddress(to, asked.to));
    push(this.#answered, answered, probeLimits.answered);
    return answered;
  }

  /** The round trip of the newest answer from this address, if it is 10 s old at most. */
  answeredRttMs(now: number, address: Address): number | undefined {
    return this.#answered.find(({ to, at }) => sameAddress(to, address) && now - at <= probeLimits.rememberedMs)?.rttMs;
  }

  #wait(frame: WaitingFrame): void {
    push(this.#waiting, frame, probeLimits.waiting);
  }
}

/** Whether the frames of a packet are nothing but PATH_CHALLENGE, PATH_RESPONSE and PADDING (RFC 9000, section 9.1). */
export function isProbing(frames: Uint8Array): boolean {
  for (let at = 0; at < frames.length;) {
    const type = frames[at];
    if (type === frameTypes.pathChallenge || type === frameTypes.pathResponse) at += 1 + pathDataBytes;
    else if (type === frameTypes.padding) at += 1;
    else return false;
  }
  return true;
}

function push<T>(list: T[], item: T, limit: number): void {
  if (list.length === limit) list.shift();
  list.push(item);
}

/** Whoever drives the socket may use one object for all sources. */
function copyOf({ address, port }: Address): Address {
  return { address, port };
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
