import { clientNetwork } from '../passwords/client-network.js';

/** What a pool needs of a connection. */
export interface PooledConnection {
  readonly address: string;
  /** Lets go of it at once; it leaves the pool by that. */
  destroy(): void;
}

/**
 * The connections of one gateway, never more than it has places. When all are taken, a newcomer gets the place of one
 * that has had its last word, else of a stranger: the oldest of the network that has the most of them.
 */
export class ConnectionPool<C extends PooledConnection = PooledConnection> {
  readonly #places: number;
  readonly #all = new Set<C>();
  /** In the order they had their last word. */
  readonly #ending = new Set<C>();
  /** By network; each in the order they came. */
  readonly #strangers = new Map<string, Set<C>>();

  constructor(places: number) {
    this.#places = places;
  }

  /** @returns whether there is a place for one more */
  makeRoom(): boolean {
    while (this.#all.size >= this.#places) {
      const [oldest] = this.#ending.size > 0 ? this.#ending : this.#crowd();
      if (!oldest) return false;
      oldest.destroy();
      // Whatever it did about it, it is none of ours any more.
      this.remove(oldest);
    }
    return true;
  }

  /** A new one, and a stranger. */
  add(connection: C): void {
    this.#all.add(connection);
    this.unsettle(connection);
  }

  /** Somebody is there, and makes room for nobody. */
  settle(connection: C): void {
    const network = clientNetwork(connection.address);
    const strangers = this.#strangers.get(network);
    strangers?.delete(connection);
    if (strangers?.size === 0) this.#strangers.delete(network);
  }

  /** A stranger again. */
  unsettle(connection: C): void {
    const network = clientNetwork(connection.address);
    this.#strangers.set(network, (this.#strangers.get(network) ?? new Set()).add(connection));
  }

  /** It has had its last word. */
  end(connection: C): void {
    this.settle(connection);
    this.#ending.add(connection);
  }

  remove(connection: C): void {
    this.settle(connection);
    this.#all.delete(connection);
    this.#ending.delete(connection);
  }

  #crowd(): ReadonlySet<C> {
    let largest: ReadonlySet<C> = new Set<C>();
    for (const strangers of this.#strangers.values()) if (strangers.size > largest.size) largest = strangers;
    return largest;
  }
}
