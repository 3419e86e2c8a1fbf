/**
 * Packet numbers that are left out on purpose: an ACK for one of them is a lie, told to make us send faster than the
 * path carries (RFC 9000, section 21.4).
 */
import type { RandomSource } from '../crypto-provider.js';
import type { AckFrame } from '../wire/frame-types.js';

/** Between two of them there are this many packets at least, and up to twice as many. */
const spacing = 512;
/** ACK frames go back only so far. */
const remembered = 8;

export class SkippedNumbers {
  readonly #random: RandomSource;
  #numbers: number[] = [];
  #next: number;

  constructor(random: RandomSource) {
    this.#random = random;
    this.#next = this.#after(0);
  }

  /** Whether to leave this number out. */
  isDue(number: number): boolean {
    return number >= this.#next;
  }

  add(number: number): void {
    this.#numbers.push(number);
    if (this.#numbers.length > remembered) this.#numbers.shift();
    this.#next = this.#after(number);
  }

  isAcknowledgedBy({ ranges }: AckFrame): boolean {
    const smallest = ranges.at(-1)?.smallest ?? 0;
    for (const number of this.#numbers) {
      if (number < smallest) continue;
      for (const range of ranges) if (number >= range.smallest && number <= range.largest) return true;
    }
    return false;
  }

  #after(number: number): number {
    const [high = 0, low = 0] = this.#random(2);
    return number + spacing + ((high * 256 + low) % spacing);
  }
}
