/** How much may pass: `burst` at once, then `perSecond`. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** Lets through what a rate allows. Times in milliseconds of a clock that does not jump. */
export class TokenBucket {
  readonly #burst: number;
  readonly #perMs: number;
  #tokens: number;
  #filledAt: number;

  constructor({ burst, perSecond }: Rate, nowMs: number) {
    this.#burst = burst;
    this.#perMs = perSecond / 1000;
    this.#tokens = burst;
    this.#filledAt = nowMs;
  }

  /** @returns 0 when `tokens` may pass, else after how many milliseconds they may. */
  take(nowMs: number, tokens = 1): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#filledAt) * this.#perMs);
    this.#filledAt = nowMs;
    if (this.#tokens < tokens) return Math.ceil((tokens - this.#tokens) / this.#perMs);
    this.#tokens -= tokens;
    return 0;
  }
}
