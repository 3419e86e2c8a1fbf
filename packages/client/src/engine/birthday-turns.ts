/** Birthday punching is dear, for this machine and for the routers: one conversation of a client does it at a time. */
import type { SpareSockets } from './spare-sockets.js';

interface Asker {
  readonly sockets: number;
  begin(numbers: readonly number[]): void;
}

export class BirthdayTurns {
  readonly #sockets: SpareSockets;
  readonly #waiting = new Map<object, Asker>();
  #current: object | undefined;
  /** Those of whoever's turn it was, and its own still. */
  readonly #kept = new Map<object, readonly number[]>();

  constructor(sockets: SpareSockets) {
    this.#sockets = sockets;
  }

  /** @param begin called when it is this owner's turn, with the numbers of the sockets that could be opened */
  ask(owner: object, sockets: number, begin: (numbers: readonly number[]) => void): void {
    this.#waiting.set(owner, { sockets, begin });
    void this.#next();
  }

  /** The owner's turn is over, or it no longer waits for one. @param keep the number of the socket that it still uses */
  end(owner: object, keep: number | undefined): void {
    this.#waiting.delete(owner);
    for (const number of this.#kept.get(owner) ?? []) if (number !== keep) this.#sockets.close(number);
    if (keep === undefined) this.#kept.delete(owner);
    else this.#kept.set(owner, [keep]);
    if (this.#current !== owner) return;
    this.#current = undefined;
    void this.#next();
  }

  async #next(): Promise<void> {
    if (this.#current) return;
    const [next] = this.#waiting;
    if (!next) return;
    const [owner, asker] = next;
    this.#current = owner;
    this.#waiting.delete(owner);
    const numbers = await this.#sockets.open(asker.sockets);
    const before = this.#kept.get(owner) ?? [];
    this.#kept.set(owner, [...before, ...numbers]);
    // Ended meanwhile: nobody would close them.
    if (this.#current === owner) asker.begin(numbers);
    else this.end(owner, before[0]);
  }
}
