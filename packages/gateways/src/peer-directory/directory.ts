/** A client on the list. */
export interface DirectoryClient {
  /** As it was typed. */
  readonly name: string;
  /** Where it says that it can be reached; for the other clients, who dial it at their own risk. */
  readonly address: string;
  /** Where it came from. */
  readonly source: string;
  /** Allotted to it alone while it is on the list. */
  readonly port: number;
}

interface DirectorySettings {
  readonly maxUsers: number;
  /** The first of `maxUsers` ports. */
  readonly basePort: number;
  /** Clients say ALIVE this often; after two periods of silence they are gone. 0: they may be silent for good. */
  readonly aliveMs: number;
}

/** The list of the directory’s clients. A place is given up or held only from where it was taken. */
export class PeerDirectory {
  readonly #settings: DirectorySettings;
  /** In the order they came. */
  readonly #places = new Map<number, { readonly client: DirectoryClient; heardAt: number }>();
  /** Free ports of clients who went without a word, and may listen there still; longest gone first. */
  readonly #deserted = new Set<number>();

  constructor(settings: DirectorySettings) {
    this.#settings = settings;
  }

  /** @returns the client with its port; or why there is no place. */
  up(
    now: number,
    { name, address, source }: Omit<DirectoryClient, 'port'>,
  ): DirectoryClient | { readonly refused: 'full' | 'taken' } {
    if (this.byName(name)) return { refused: 'taken' };
    const port = this.#freePort();
    if (port === undefined) return { refused: 'full' };
    this.#deserted.delete(port);
    const client = { name, address, source, port };
    this.#places.set(port, { client, heardAt: now });
    return client;
  }

  /** @returns the client that has left, if there was one of that port and from there. */
  down(source: string, port: number): DirectoryClient | undefined {
    const place = this.#place(source, port);
    if (place) this.#places.delete(port);
    return place?.client;
  }

  /** @returns false when no such client is on the list. */
  alive(now: number, source: string, port: number): boolean {
    const place = this.#place(source, port);
    if (place) place.heardAt = now;
    return place !== undefined;
  }

  /** Names are compared as typed. */
  byName(name: string): DirectoryClient | undefined {
    return this.who().find((client) => client.name === name);
  }

  /** All, in the order they came. */
  who(): DirectoryClient[] {
    return [...this.#places.values()].map(({ client }) => client);
  }

  /** Takes those off the list who have been silent for too long. */
  expired(now: number): DirectoryClient[] {
    const { aliveMs } = this.#settings;
    const silent = [...this.#places.values()].filter(({ heardAt }) => aliveMs > 0 && now >= heardAt + 2 * aliveMs);
    for (const { client } of silent) {
      this.#places.delete(client.port);
      this.#deserted.add(client.port);
    }
    return silent.map(({ client }) => client);
  }

  /** When the next client expires, should it stay silent. */
  nextTimeout(): number | undefined {
    const { aliveMs } = this.#settings;
    if (aliveMs === 0 || this.#places.size === 0) return undefined;
    return Math.min(...[...this.#places.values()].map(({ heardAt }) => heardAt)) + 2 * aliveMs;
  }

  /** The smallest one where nobody can be listening; else that of whoever has been gone for the longest time. */
  #freePort(): number | undefined {
    const { basePort, maxUsers } = this.#settings;
    for (let port = basePort; port < basePort + maxUsers; port += 1) {
      if (!this.#places.has(port) && !this.#deserted.has(port)) return port;
    }
    return this.#deserted.values().next().value;
  }

  #place(source: string, port: number) {
    const place = this.#places.get(port);
    return place?.client.source === source ? place : undefined;
  }
}
