/** HyStart++ (RFC 9406): leaves slow start when the delay rises, before the queue overflows. */

const minimumRiseMs = 4;
const maximumRiseMs = 16;
const samplesPerRound = 8;
const conservativeRounds = 5;
const conservativeDivisor = 4;

export class HyStart {
  #roundMinRttMs = Infinity;
  #lastRoundMinRttMs = Infinity;
  #samples = 0;
  /** The round ends with the acknowledgement of a packet behind this one. */
  #roundEnd = -1;
  /** Conservative slow start: the round trip at which it began, and its rounds so far. */
  #baselineRttMs = Infinity;
  #conservativeRounds = 0;

  get isConservative(): boolean {
    return this.#baselineRttMs !== Infinity;
  }

  /** The window grows by the bytes acknowledged divided by this. */
  get growthDivisor(): number {
    return this.isConservative ? conservativeDivisor : 1;
  }

  /** @returns whether slow start is over */
  onAcknowledged(rttMs: number | undefined, newestAcknowledged: number, newestSent: number): boolean {
    let isOver = false;
    if (newestAcknowledged > this.#roundEnd) {
      this.#roundEnd = newestSent;
      this.#lastRoundMinRttMs = this.#roundMinRttMs;
      this.#roundMinRttMs = Infinity;
      this.#samples = 0;
      if (this.isConservative) {
        this.#conservativeRounds += 1;
        isOver = this.#conservativeRounds >= conservativeRounds;
      }
    }
    if (rttMs !== undefined) {
      this.#samples += 1;
      this.#roundMinRttMs = Math.min(this.#roundMinRttMs, rttMs);
    }
    if (this.#samples >= samplesPerRound) this.#judge();
    return isOver;
  }

  restart(): void {
    this.#roundMinRttMs = Infinity;
    this.#lastRoundMinRttMs = Infinity;
    this.#samples = 0;
    this.#baselineRttMs = Infinity;
    this.#conservativeRounds = 0;
  }

  #judge(): void {
    if (this.isConservative) {
      // The rise was a passing one.
      if (this.#roundMinRttMs < this.#baselineRttMs) this.#baselineRttMs = Infinity;
      return;
    }
    if (this.#lastRoundMinRttMs === Infinity) return;
    const riseMs = Math.min(Math.max(this.#lastRoundMinRttMs / 8, minimumRiseMs), maximumRiseMs);
    if (this.#roundMinRttMs >= this.#lastRoundMinRttMs + riseMs) {
      this.#baselineRttMs = this.#roundMinRttMs;
      this.#conservativeRounds = 0;
    }
  }
}
