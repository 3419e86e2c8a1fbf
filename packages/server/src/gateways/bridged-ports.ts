import { endsWithin } from '../bounded-wait.js';
import type { Clock } from '../domain/index.js';
import type { Log } from '../log.js';
import { StartFailure } from '../start-failure.js';
import { ConnectionPool } from './connection-pool.js';
import { GatewayListener, type GatewaySocket, type GatewayUse } from './gateway-listener.js';
import { messageMs } from './peer-deadline.js';
import { talkQueueBytes } from './peer-talk.js';
import type { StatusLog } from './status-log.js';

/** Users who have a port, the first to come first: more are not listed, so that a directory costs a bounded number of sockets. */
const bridgedUsersMax = 100;

/** Ports that are tried: some may be in use, and one that was somebody’s is not at once somebody else’s. */
const portSpan = 2 * bridgedUsersMax;

export const highestPort = 65_535;

/** How long a list waits for listeners that are just being opened. */
const readyMs = 2_000;

export interface BridgedPortsParts {
  readonly host: string;
  readonly firstPort: number;
  /** For connections to all ports together. */
  readonly places: number;
  readonly statusLog: StatusLog;
  readonly clock: Clock;
  readonly log: Log;
  /** A client has connected to where we stand for a user. */
  accept(socket: GatewaySocket, user: string): GatewayUse;
}

/** The ports at which we stand for users who are no clients of the directory, one each. */
export class BridgedPorts {
  readonly #parts: BridgedPortsParts;
  readonly #pool: ConnectionPool;
  /** In the order they came. */
  readonly #waiting = new Set<string>();
  readonly #opening = new Map<string, Promise<void>>();
  readonly #open = new Map<string, { readonly port: number; readonly listener: GatewayListener }>();
  /** Of users who have gone, until the last client has. */
  readonly #leaving = new Set<GatewayListener>();
  #nextPort = 0;
  #isClosed = false;

  constructor(parts: BridgedPortsParts) {
    this.#parts = parts;
    this.#pool = new ConnectionPool(parts.places);
  }

  came(user: string): void {
    if (this.#isClosed || this.#open.has(user)) return;
    this.#waiting.add(user);
    this.#fill();
  }

  /** Nobody can call that user any more; chats that are under way end with their sessions. */
  went(user: string): void {
    this.#waiting.delete(user);
    const open = this.#open.get(user);
    if (open) {
      this.#open.delete(user);
      this.#leave(open.listener);
    }
    this.#fill();
  }

  /** Those who can be called now, in the order they can. */
  listed(): { name: string; port: number }[] {
    return [...this.#open].map(([name, { port }]) => ({ name, port }));
  }

  async portOf(user: string): Promise<number | undefined> {
    await this.ready();
    return this.#open.get(user)?.port;
  }

  /** Waits, not for long, for the listeners that are just being opened. */
  async ready(): Promise<void> {
    if (this.#opening.size > 0) await endsWithin(readyMs, Promise.all(this.#opening.values()));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#waiting.clear();
    await Promise.all(this.#opening.values());
    const listeners = [...this.#leaving, ...[...this.#open.values()].map(({ listener }) => listener)];
    this.#open.clear();
    await Promise.all(listeners.map((listener) => listener.close()));
  }

  #fill(): void {
    for (const user of this.#waiting) {
      if (this.#open.size + this.#opening.size >= bridgedUsersMax) return;
      if (this.#opening.has(user)) continue;
      this.#opening.set(
        user,
        this.#listen(user).finally(() => {
          this.#opening.delete(user);
          // Who was one too many may have a place now.
          this.#fill();
        }),
      );
    }
  }

  /** Takes the next port that can be bound. Never rejects. */
  async #listen(user: string): Promise<void> {
    const { host, firstPort, statusLog, clock, log } = this.#parts;
    for (let tries = 0; tries < portSpan && this.#waiting.has(user); tries += 1) {
      const port = firstPort + (this.#nextPort % portSpan);
      this.#nextPort += 1;
      if (port > highestPort) continue;
      const listener = new GatewayListener({
        name: 'peer directory',
        portFlag: '--peer-base-port',
        pool: this.#pool,
        statusLog,
        strangerMs: messageMs,
        sendQueueBytes: talkQueueBytes,
        clock,
        log,
        accept: (socket) => this.#parts.accept(socket, user),
      });
      try {
        await listener.listen(host, port);
      } catch (error) {
        if (error instanceof StartFailure) continue;
        log.error({ err: error }, 'peer directory: no port could be opened for a user');
        break;
      }
      if (this.#waiting.delete(user)) this.#open.set(user, { port, listener });
      else this.#leave(listener);
      return;
    }
    if (this.#waiting.delete(user)) log.warn({ user }, 'peer directory: no port is free for a user, who is not listed');
  }

  #leave(listener: GatewayListener): void {
    this.#leaving.add(listener);
    void listener.stopAccepting().finally(() => this.#leaving.delete(listener));
  }
}
