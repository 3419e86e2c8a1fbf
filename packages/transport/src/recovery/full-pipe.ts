/** Finds out that more speed brings no more (draft-ietf-ccwg-bbr, section 5.3.1.2). */

const growth = 1.25;
const rounds = 3;

export class FullPipe {
  #bytesPerMs = 0;
  #roundsWithoutGrowth = 0;

  get isFull(): boolean {
    return this.#roundsWithoutGrowth >= rounds;
  }

  /** @param bytesPerMs the rate from which growth is to be shown */
  restart(bytesPerMs: number): void {
    this.#bytesPerMs = bytesPerMs;
    this.#roundsWithoutGrowth = 0;
  }

  /** Once a round trip, with a rate that the application did not limit. */
  onRound(bytesPerMs: number): void {
    if (this.isFull) return;
    if (bytesPerMs >= this.#bytesPerMs * growth) this.restart(bytesPerMs);
    else this.#roundsWithoutGrowth += 1;
  }
}
