/**
 * The largest value of this period and the one before. Who uses it says when a period ends, so the window is between
 * one and two of them long; that is all that BBR needs of its filters, as in Linux' tcp_bbr.c.
 */
export class WindowedMax {
  #previous = 0;
  #current = 0;

  get value(): number {
    return Math.max(this.#previous, this.#current);
  }

  add(value: number): void {
    if (value > this.#current) this.#current = value;
  }

  /** Nothing measured in a period means that nothing is known, not that it was 0: the window stays. */
  endPeriod(): void {
    if (this.#current === 0) return;
    this.#previous = this.#current;
    this.#current = 0;
  }

  clear(): void {
    this.#previous = 0;
    this.#current = 0;
  }
}
