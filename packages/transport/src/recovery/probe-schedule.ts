/** When to look for more bandwidth (draft-ietf-ccwg-bbr, section 5.3.3.5). */

/** At least as often as Reno would have doubled its window from half of it, and every 2 to 3 s. */
const renoRounds = 63;
const waitMs = 2_000;
const waitSpreadMs = 1_000;

export class ProbeSchedule {
  readonly #random: () => number;
  #startedAt = 0;
  #waitMs = 0;
  #rounds = 0;

  /** @param random 0 up to 1: flows that probe at random moments do not probe together */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Round trips since the last probe, or one more. */
  get rounds(): number {
    return this.#rounds;
  }

  onRound(): void {
    this.#rounds += 1;
  }

  /** A probe is over, or was put off. */
  restart(now: number): void {
    this.#startedAt = now;
    this.#waitMs = waitMs + waitSpreadMs * this.#random();
    this.#rounds = this.#random() < 0.5 ? 0 : 1;
  }

  /** @param inflightDatagrams what the path holds, in datagrams: so many rounds Reno would take */
  isDue(now: number, inflightDatagrams: number): boolean {
    return now > this.#startedAt + this.#waitMs || this.#rounds >= Math.min(inflightDatagrams, renoRounds);
  }
}
