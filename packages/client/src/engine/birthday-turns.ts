/** Birthday punching is dear, for this machine and for the routers: one conversation of a client does it at a time. */
import type { SpareSockets } from './spare-sockets.js';

interface Turn {
  readonly owner: object;
  readonly sockets: number;
  begin(numbers: readonly number[]): void;
}

export class BirthdayTurns {
  readonly #sockets: Pick<SpareSockets, 'open' | 'close'>;
  /** One of an owner; in the order they asked. */
  readonly #waiting = new Map<object, Turn>();
  /** Whose turn it is, or was while its sockets are still being opened. */
  #current: Turn | undefined;
  #isCurrentOver = false;
  #isOpening = false;
  /** What each owner has of the sockets, during its turn and after. */
  readonly #kept = new Map<object, readonly number[]>();

  constructor(sockets: Pick<SpareSockets, 'open' | 'close'>) {
    this.#sockets = sockets;
  }

  /** @param begin called when it is this owner's turn, with the numbers of the sockets that could be opened */
  ask(owner: object, sockets: number, begin: (numbers: readonly number[]) => void): void {
    this.#waiting.set(owner, { owner, sockets, begin });
    void this.#next();
  }

  /** The owner's turn is over, or it no longer waits for one. @param keep the number of the socket that it still uses */
  end(owner: object, keep: number | undefined): void {
    this.#waiting.delete(owner);
    for (const number of this.#kept.get(owner) ?? []) if (number !== keep) this.#sockets.close(number);
    if (keep === undefined) this.#kept.delete(owner);
    else this.#kept.set(owner, [keep]);
    if (this.#current?.owner !== owner) return;
    this.#isCurrentOver = true;
    void this.#next();
  }

  async #next(): Promise<void> {
    // A turn that ended early is over when its sockets are there to be closed: never more are open than one needs.
    if (this.#isOpening || (this.#current && !this.#isCurrentOver)) return;
    const [turn] = this.#waiting.values();
    this.#current = turn;
    this.#isCurrentOver = false;
    if (!turn) return;
    const { owner } = turn;
    this.#waiting.delete(owner);
    this.#isOpening = true;
    const numbers = await this.#sockets.open(turn.sockets);
    this.#isOpening = false;
    if (this.#hasEnded) {
      for (const number of numbers) this.#sockets.close(number);
      await this.#next();
      return;
    }
    this.#kept.set(owner, [...(this.#kept.get(owner) ?? []), ...numbers]);
    turn.begin(numbers);
  }

  /** It may have while sockets were being opened. */
  get #hasEnded(): boolean {
    return this.#isCurrentOver;
  }
}
