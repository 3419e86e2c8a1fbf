/** All that a link waits for. */
export type Timer =
  /** The handshake's packets are sent again to every candidate. */
  | 'handshake-retry'
  /** No candidate has answered: give up. */
  | 'path-timeout'
  /** An acknowledgement has waited long enough for a packet to travel in. */
  | 'acknowledgement'
  /** A packet counts as lost by time, or nothing came back and a probe is due. */
  | 'loss'
  /** Nothing was heard for a while: ping. */
  | 'keep-alive'
  /** Nothing was heard for so long that the peer counts as lost. */
  | 'idle'
  /** Closing has waited long enough for what was sent to be acknowledged. */
  | 'linger'
  /** CLOSE was not answered: repeat it. */
  | 'close-retry'
  /** The closed link is forgotten. */
  | 'drain';

export class Timers {
  readonly #deadlines = new Map<Timer, number>();

  /** A deadline of undefined stops the timer. */
  set(timer: Timer, deadline: number | undefined): void {
    if (deadline === undefined) this.#deadlines.delete(timer);
    else this.#deadlines.set(timer, deadline);
  }

  clear(): void {
    this.#deadlines.clear();
  }

  next(): number | undefined {
    let next: number | undefined;
    for (const deadline of this.#deadlines.values()) {
      if (next === undefined || deadline < next) next = deadline;
    }
    return next;
  }

  /** Stops and returns the timer that is longest overdue. */
  takeExpired(now: number): Timer | undefined {
    const next = this.next();
    if (next === undefined || next > now) return undefined;
    for (const [timer, deadline] of this.#deadlines) {
      if (deadline !== next) continue;
      this.#deadlines.delete(timer);
      return timer;
    }
    return undefined;
  }
}
