/** How much more than the rate foretells is acknowledged at once (draft-ietf-ccwg-bbr, section 5.5.9). */
import { WindowedMax } from './windowed-filter.js';

/** With two periods in the filter the window is 5 to 10 round trips. */
const roundsPerPeriod = 5;

export class AckAggregation {
  readonly #extra = new WindowedMax();
  #startedAt = 0;
  #acknowledgedBytes = 0;
  #rounds = 0;

  /** What the window needs on top, so that the sender goes on while acknowledgements wait to arrive together. */
  get extraBytes(): number {
    return this.#extra.value;
  }

  onAcknowledged(now: number, bytes: number, bytesPerMs: number, windowBytes: number): void {
    let expectedBytes = bytesPerMs * (now - this.#startedAt);
    if (this.#acknowledgedBytes <= expectedBytes) {
      // Slower than expected: whatever was held back has come.
      this.restart(now);
      expectedBytes = 0;
    }
    this.#acknowledgedBytes += bytes;
    this.#extra.add(Math.min(this.#acknowledgedBytes - expectedBytes, windowBytes));
  }

  /** @param isPipeFull before that the rate doubles each round, and what exceeds it is growth: one round is remembered */
  onRound(isPipeFull: boolean): void {
    this.#rounds += 1;
    if (isPipeFull && this.#rounds < roundsPerPeriod) return;
    this.#rounds = 0;
    this.#extra.endPeriod();
  }

  /** After a pause nothing is late. */
  restart(now: number): void {
    this.#startedAt = now;
    this.#acknowledgedBytes = 0;
  }
}
