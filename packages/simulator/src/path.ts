/** One direction between two IP addresses: its conditions, and what it remembers from one datagram to the next. */
import type { Address } from './address.js';
import { headerBytes, type Conditions } from './conditions.js';
import type { Realm } from './realm.js';
import type { SeededRandom } from './seeded-random.js';
import { hashOfText } from './trace.js';

/** A datagram, or one copy of it, on its way. */
export interface Datagram {
  readonly path: Path;
  /** Where the address that it goes to is one. */
  readonly realm: Realm;
  readonly from: Address;
  readonly to: Address;
  readonly bytes: Uint8Array;
  readonly sentAt: number;
}

export class Path {
  readonly from: string;
  readonly to: string;
  /** For the digest of the trace. */
  readonly hash: number;
  conditions: Conditions;
  readonly #startAt: number;
  readonly #random: SeededRandom;
  /** Those that wait for the bottleneck, the first of them being sent; from `#head` on. */
  readonly #queue: Datagram[] = [];
  #head = 0;
  #waitingBytes = 0;
  #isBad = false;
  #corruptionsLeft = 0;

  /** @param startAt from when the dead times count */
  constructor(from: string, to: string, conditions: Conditions, startAt: number, random: SeededRandom) {
    this.from = from;
    this.to = to;
    this.hash = hashOfText(`${from} ${to}`);
    this.conditions = conditions;
    this.#startAt = startAt;
    this.#random = random;
  }

  /** Bytes behind the one that is being sent, with headers. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Whether a datagram takes time before it is on the wire; then it has to queue. */
  get isBottleneck(): boolean {
    return this.conditions.rateBytesPerMs !== Infinity || this.#queue.length > this.#head;
  }

  /** @returns 'sending' when it is the first, so that it leaves after `sendingMs`; 'full' when it was dropped. */
  enqueue(datagram: Datagram): 'sending' | 'waiting' | 'full' {
    if (this.#queue.length === this.#head) {
      this.#queue.push(datagram);
      return 'sending';
    }
    const bytes = datagram.bytes.length + headerBytes;
    if (this.#waitingBytes + bytes > this.conditions.queueBytes) return 'full';
    this.#waitingBytes += bytes;
    this.#queue.push(datagram);
    return 'waiting';
  }

  /** The first has been sent. @returns the one that is being sent now */
  dequeue(): Datagram | undefined {
    this.#head += 1;
    const next = this.#queue[this.#head];
    if (next) {
      this.#waitingBytes -= next.bytes.length + headerBytes;
      if (this.#head < 1_024) return next;
    }
    this.#queue.splice(0, this.#head);
    this.#head = 0;
    return next;
  }

  /** How long the bottleneck takes for it. */
  sendingMs(datagram: Datagram): number {
    return (datagram.bytes.length + headerBytes) / this.conditions.rateBytesPerMs;
  }

  isDead(now: number): boolean {
    const { blocked, deadTimes } = this.conditions;
    if (blocked) return true;
    return deadTimes !== undefined && (now - this.#startAt) % deadTimes.everyMs >= deadTimes.everyMs - deadTimes.forMs;
  }

  loses(): boolean {
    const { loss, gilbertElliott } = this.conditions;
    if (gilbertElliott) {
      if (this.#happens(this.#isBad ? gilbertElliott.badToGood : gilbertElliott.goodToBad)) this.#isBad = !this.#isBad;
      if (this.#happens(this.#isBad ? gilbertElliott.lossInBad : gilbertElliott.lossInGood)) return true;
    }
    return this.#happens(loss);
  }

  duplicates(): boolean {
    return this.#happens(this.conditions.duplication);
  }

  corrupts(): boolean {
    const { corruption, corruptionBurst } = this.conditions;
    if (this.#corruptionsLeft > 0) {
      this.#corruptionsLeft -= 1;
      return true;
    }
    // So many bursts begin that the share of all is as told, although none begins within another.
    if (!this.#happens(corruption / (corruptionBurst - corruption * (corruptionBurst - 1)))) return false;
    this.#corruptionsLeft = corruptionBurst - 1;
    return true;
  }

  delayMs(): number {
    const { latencyMs, jitterMs, reordering, reorderingDelayMs } = this.conditions;
    const jitter = jitterMs > 0 ? this.#random.fraction() * jitterMs : 0;
    return latencyMs + jitter + (this.#happens(reordering) ? reorderingDelayMs : 0);
  }

  /** A copy with one bit flipped. */
  corrupted(bytes: Uint8Array): Uint8Array {
    const copy = bytes.slice();
    const index = this.#random.below(copy.length);
    copy[index] = (copy[index] ?? 0) ^ (1 << this.#random.below(8));
    return copy;
  }

  /** What never happens takes no number: most paths do little of all that they could do. */
  #happens(probability: number): boolean {
    return probability > 0 && this.#random.chance(probability);
  }
}
