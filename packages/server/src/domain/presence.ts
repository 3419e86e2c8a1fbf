import { ParleyError, type Candidate, type EventName, type EventParams } from '@parley/protocol';
import type { Clock, Connection } from './ports.js';
import { SortedNames } from './sorted-names.js';

/** One login, from the moment it succeeded until its connection ends, logs out or is replaced. */
export interface OnlineUser {
  readonly name: string;
  readonly connection: Connection;
  /** X25519 public key, base64. */
  readonly deviceKey: string;
  /** Where the device last said it may be reached. */
  candidates: readonly Candidate[];
  /** Milliseconds since 1970. */
  readonly since: number;
}

/**
 * A user that the server knows something of besides the account. `away`: the connection broke; sessions and rooms are
 * kept until the grace is over, and the user counts as offline.
 */
type Presence =
  | { readonly state: 'online'; readonly user: OnlineUser }
  | {
      readonly state: 'away';
      readonly deviceKey: string;
      readonly candidates: readonly Candidate[];
      readonly endGrace: () => void;
    };

/** Hears of those who go. */
export interface DepartureListener {
  /** The connection is gone; the user may come back. */
  offline(name: string): void;
  /** Another connection of the same user has taken over; the user was never offline. */
  replaced(user: OnlineUser): void;
  /** Whatever the server knew of the user is to be dropped. `left`: logged out; `lost`: did not come back. */
  forgotten(name: string, how: 'left' | 'lost'): void;
}

/** Who is online, on which connection. */
export class PresenceTable {
  readonly #clock: Clock;
  readonly #graceMs: number;
  readonly #departures: DepartureListener;
  readonly #byName = new Map<string, Presence>();
  readonly #byConnection = new Map<Connection, OnlineUser>();
  readonly #open = new Set<Connection>();
  readonly #onlineNames = new SortedNames();
  #stopped = false;

  constructor(clock: Clock, graceMs: number, departures: DepartureListener) {
    this.#clock = clock;
    this.#graceMs = graceMs;
    this.#departures = departures;
  }

  get connections(): Iterable<Connection> {
    return this.#open;
  }

  connected(connection: Connection): void {
    this.#open.add(connection);
  }

  /**
   * Logs a stranger in with a password: a new start, so nothing is left of an earlier, broken connection.
   * @throws ParleyError ALREADY_CONNECTED
   */
  enter(connection: Connection, name: string, deviceKey: string): OnlineUser {
    this.#requireStranger(connection);
    const before = this.#byName.get(name);
    if (before?.state === 'online') throw new ParleyError('ALREADY_CONNECTED');
    if (before) {
      before.endGrace();
      this.#forget(name, 'lost');
    }
    return this.#goOnline({ name, connection, deviceKey, candidates: [], since: this.#clock.now() });
  }

  /**
   * Brings an enrolled device back: takes its sessions, rooms and, where it still stands, its connection over. Of
   * another device of the user it takes nothing over: beside one that is online there is no room, and after one whose
   * connection broke it makes a new start.
   * @throws ParleyError ALREADY_CONNECTED
   */
  resume(connection: Connection, name: string, deviceKey: string): OnlineUser {
    const before = this.#byName.get(name);
    const device = before?.state === 'online' ? before.user : before;
    if (!before || device?.deviceKey !== deviceKey) return this.enter(connection, name, deviceKey);
    this.#requireStranger(connection);
    // The device keeps its socket, and so its addresses, until it says otherwise.
    const { candidates } = device;
    const user: OnlineUser = { name, connection, deviceKey, candidates, since: this.#clock.now() };
    if (before.state === 'away') {
      before.endGrace();
      return this.#goOnline(user);
    }
    const old = before.user.connection;
    this.#byConnection.delete(old);
    this.#goOnline(user);
    old.notify('server.replaced', {});
    old.close();
    this.#departures.replaced(user);
    return user;
  }

  /** Logs out; the connection stays. Does nothing for a login that has ended already. */
  leave(user: OnlineUser): void {
    if (!this.isCurrent(user)) return;
    this.#goOffline(user);
    this.#forget(user.name, 'left');
  }

  disconnected(connection: Connection): void {
    this.#open.delete(connection);
    const user = this.#byConnection.get(connection);
    if (!user) return;
    this.#goOffline(user);
    if (this.#stopped) return;
    const { name, deviceKey, candidates } = user;
    const endGrace = this.#clock.after(this.#graceMs, () => {
      this.#forget(name, 'lost');
    });
    this.#byName.set(name, { state: 'away', deviceKey, candidates, endGrace });
  }

  userOn(connection: Connection): OnlineUser | undefined {
    return this.#byConnection.get(connection);
  }

  online(name: string): OnlineUser | undefined {
    const presence = this.#byName.get(name);
    return presence?.state === 'online' ? presence.user : undefined;
  }

  /** Tells a user something; one who is not online does not hear it. */
  tell<E extends EventName>(name: string, event: E, params: EventParams<E>): void {
    this.online(name)?.connection.notify(event, params);
  }

  /** Whether anybody is left at the other end. */
  isOpen(connection: Connection): boolean {
    return this.#open.has(connection);
  }

  /** Whether this login still stands: to be asked again after every wait. */
  isCurrent(user: OnlineUser): boolean {
    return this.#byConnection.get(user.connection) === user;
  }

  onlineAfter(after: string | undefined, limit: number): string[] {
    return this.#onlineNames.after(after, limit);
  }

  /** Nobody comes back to this server: no timer runs from here on. */
  stop(): void {
    this.#stopped = true;
    for (const presence of this.#byName.values()) if (presence.state === 'away') presence.endGrace();
  }

  #requireStranger(connection: Connection): void {
    if (!this.#open.has(connection)) throw new ParleyError('NOT_LOGGED_IN', 'the connection was closed meanwhile');
    if (this.#byConnection.has(connection)) throw new ParleyError('ALREADY_LOGGED_IN');
  }

  #goOnline(user: OnlineUser): OnlineUser {
    this.#byName.set(user.name, { state: 'online', user });
    this.#byConnection.set(user.connection, user);
    this.#onlineNames.add(user.name);
    return user;
  }

  #goOffline(user: OnlineUser): void {
    this.#byName.delete(user.name);
    this.#byConnection.delete(user.connection);
    this.#onlineNames.delete(user.name);
    this.#departures.offline(user.name);
  }

  #forget(name: string, how: 'left' | 'lost'): void {
    this.#byName.delete(name);
    this.#departures.forgotten(name, how);
  }
}
