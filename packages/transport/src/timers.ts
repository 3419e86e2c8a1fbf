/** All that a link waits for. */
const names = [
  /** Punches, or an initiation, are sent again. */
  'handshake-retry',
  /** No candidate has answered: give up. */
  'path-timeout',
  /** An acknowledgement has waited long enough for a packet to travel in. */
  'acknowledgement',
  /** A packet counts as lost by time, or nothing came back and a probe is due. */
  'loss',
  /** The pace allows the next packet. */
  'pacing',
  /** An address that was not proven is challenged again, or left. */
  'path-challenge',
  /** Keys are too old. */
  'key-expiry',
  /** Nothing was heard for a while: ping. */
  'keep-alive',
  /** Something was heard a while ago: memory may be given back. */
  'rest',
  /** Nothing was heard for so long that the peer counts as lost. */
  'idle',
  /** Closing has waited long enough for what was sent to be acknowledged. */
  'linger',
  /** CLOSE was not answered: repeat it. */
  'close-retry',
  /** The closed link is forgotten. */
  'drain',
] as const;

export type Timer = (typeof names)[number];

const indexOf = Object.fromEntries(names.map((name, index) => [name, index])) as Record<Timer, number>;

// Jest runs tests in a context of its own, where each look at a global costs much: one look is enough.
const never = Infinity;

/** The deadlines of one link, one for each name. */
export class Timers {
  readonly #deadlines: number[] = names.map(() => never);

  /** A deadline of undefined stops the timer. */
  set(timer: Timer, deadline: number | undefined): void {
    this.#deadlines[indexOf[timer]] = deadline ?? never;
  }

  isSet(timer: Timer): boolean {
    return this.#deadlines[indexOf[timer]] !== never;
  }

  clear(): void {
    this.#deadlines.fill(never);
  }

  next(): number | undefined {
    let next = never;
    for (const deadline of this.#deadlines) if (deadline < next) next = deadline;
    return next === never ? undefined : next;
  }

  /** Stops and returns the timer that is longest overdue. */
  takeExpired(now: number): Timer | undefined {
    const next = this.next();
    if (next === undefined || next > now) return undefined;
    const index = this.#deadlines.indexOf(next);
    this.#deadlines[index] = never;
    return names[index];
  }
}
