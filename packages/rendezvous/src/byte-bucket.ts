/** A token bucket that counts bytes: so many a second, of which a part may come at once. */
export class ByteBucket {
  readonly #bytesPerMs: number;
  readonly #burstBytes: number;
  #bytes: number;
  #at: number;

  /** @param bytesPerSecond Infinity for a bucket that is never empty */
  constructor(now: number, bytesPerSecond: number, burstMs: number) {
    this.#bytesPerMs = bytesPerSecond / 1_000;
    this.#burstBytes = this.#bytesPerMs * burstMs;
    this.#bytes = this.#burstBytes;
    this.#at = now;
  }

  /** When there is something in it; `now` when there is, Infinity when nothing comes into it. */
  readyAt(now: number): number {
    this.#fill(now);
    if (this.#bytes > 0) return now;
    return this.#bytesPerMs === 0 ? Infinity : now - this.#bytes / this.#bytesPerMs + 1;
  }

  /** May empty it below nothing: a datagram is not cut. @returns false when there was nothing in it, and nothing is taken */
  take(now: number, bytes: number): boolean {
    this.#fill(now);
    if (this.#bytes <= 0) return false;
    if (this.#bytes !== Infinity) this.#bytes -= bytes;
    return true;
  }

  #fill(now: number): void {
    if (now <= this.#at) return;
    this.#bytes = Math.min(this.#burstBytes, this.#bytes + (now - this.#at) * this.#bytesPerMs);
    this.#at = now;
  }
}
