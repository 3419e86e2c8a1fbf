/**
 * Which of the newest 8,128 counters have been seen (RFC 6479): a ring of bits that moves by whole words, so that it is
 * never shifted. A counter below the window counts as seen. A link that has received little has a small ring.
 */
const wordBits = 32;
/** The ring holds 8,192 bits; the word that is being filled is not yet whole (WireGuard's figure, for 64-bit words). */
const mostWords = 256;
const fewestWords = 4;
export const replayWindowSize = 8_128;

const { floor, max, min } = Math;
const nothing = new Uint32Array(0);

export class ReplayWindow {
  /** Word w of all counters is at (w - `#firstWord`) mod its length; it has its whole length before it closes. */
  #ring = nothing;
  #firstWord = 0;
  /** All below are refused. */
  #lowest = 0;
  #highest = -1;

  /** The highest counter so far, -1 before the first. */
  get highest(): number {
    return this.#highest;
  }

  /** Whether the counter is new. Says nothing about whether its packet is authentic: mark it only then. */
  accepts(counter: number): boolean {
    if (counter > this.#highest) return true;
    if (counter <= this.#highest - replayWindowSize || counter < this.#lowest) return false;
    return ((this.#ring[this.#indexOf(floor(counter / wordBits))] ?? 0) & bitOf(counter)) === 0;
  }

  /** @param counter that is accepted */
  mark(counter: number): void {
    const word = floor(counter / wordBits);
    if (counter > this.#highest) {
      const words = word + 1 - this.#firstWord;
      if (words > this.#ring.length && this.#ring.length < mostWords) this.#grow(words);
      const from = max(floor(this.#highest / wordBits) + 1, word - mostWords + 1);
      for (let fresh = from; fresh <= word; fresh += 1) this.#ring[this.#indexOf(fresh)] = 0;
      this.#highest = counter;
    }
    const index = this.#indexOf(word);
    this.#ring[index] = (this.#ring[index] ?? 0) | bitOf(counter);
  }

  /** No packet up to the highest counter can be authentic any more: none is accepted, and their bits need no memory. */
  forget(): void {
    this.#lowest = this.#highest + 1;
    this.#firstWord = floor(this.#lowest / wordBits);
    this.#ring = nothing;
  }

  #indexOf(word: number): number {
    return (word - this.#firstWord) % this.#ring.length;
  }

  #grow(words: number): void {
    let length = fewestWords;
    while (length < words && length < mostWords) length *= 2;
    const ring = new Uint32Array(min(length, mostWords));
    ring.set(this.#ring);
    this.#ring = ring;
  }
}

function bitOf(counter: number): number {
  return 1 << (counter % wordBits);
}
