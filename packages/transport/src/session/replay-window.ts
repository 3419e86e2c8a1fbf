/**
 * Which of the newest 8,128 counters have been seen (RFC 6479): a ring of bits that moves by whole words, so that it is
 * never shifted. A counter below the window counts as seen.
 */
const wordBits = 32;
const words = 256;
/** The ring holds 8,192; the word that is being filled is not yet whole (WireGuard's figure, with words of 64 bits). */
export const replayWindowSize = 8_128;

export class ReplayWindow {
  readonly #ring = new Uint32Array(words);
  #highest = -1;

  /** The highest counter so far, -1 before the first. */
  get highest(): number {
    return this.#highest;
  }

  /** Whether the counter is new. Says nothing about whether its packet is authentic: mark it only then. */
  accepts(counter: number): boolean {
    if (counter > this.#highest) return true;
    if (counter <= this.#highest - replayWindowSize) return false;
    return ((this.#ring[wordOf(counter)] ?? 0) & bitOf(counter)) === 0;
  }

  mark(counter: number): void {
    if (counter > this.#highest) {
      const from = Math.floor(this.#highest / wordBits);
      const to = Math.floor(counter / wordBits);
      for (let word = Math.max(from + 1, to - words + 1); word <= to; word += 1) this.#ring[word % words] = 0;
      this.#highest = counter;
    }
    this.#ring[wordOf(counter)] = (this.#ring[wordOf(counter)] ?? 0) | bitOf(counter);
  }
}

function wordOf(counter: number): number {
  return Math.floor(counter / wordBits) % words;
}

function bitOf(counter: number): number {
  return 1 << (counter % wordBits);
}
