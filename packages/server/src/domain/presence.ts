import { ParleyError, type Candidate, type EventName, type EventParams } from '@parley/protocol';
import type { Clock, Connection, GatewayConnection } from './ports.js';
import { SortedNames } from './sorted-names.js';

/** One login, from the moment it succeeded until its connection ends, logs out or is replaced. */
export interface DeviceUser {
  readonly door: 'native';
  readonly name: string;
  readonly connection: Connection;
  /** X25519 public key, base64. */
  readonly deviceKey: string;
  /** Where the device last said it may be reached. */
  candidates: readonly Candidate[];
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** The gateways whose users have a name here. */
export type GatewayDoor = 'line' | 'peer';

/** A user of an older system, without account and device; gone as soon as its connection is. */
export interface GatewayUser {
  readonly door: GatewayDoor;
  readonly name: string;
  readonly connection: GatewayConnection;
  /** Milliseconds since 1970. */
  readonly since: number;
}

export type OnlineUser = DeviceUser | GatewayUser;

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

/** Hears of who comes online and who goes; one whose connection is taken over by another does neither. */
export interface PresenceListener {
  came(user: OnlineUser): void;
  went(name: string): void;
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
  readonly #listeners = new Set<PresenceListener>();
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
  enter(connection: Connection, name: string, deviceKey: string): DeviceUser {
    this.#requireStranger(connection);
    const before = this.#byName.get(name);
    if (before?.state === 'online') throw new ParleyError('ALREADY_CONNECTED');
    if (before) {
      before.endGrace();
      this.#forget(name, 'lost');
    }
    const since = this.#clock.now();
    return this.#goOnline({ door: 'native', name, connection, deviceKey, candidates: [], since });
  }

  /** Lets a user of an older system in. @throws ParleyError NAME_TAKEN by anyone who is online or may come back */
  enterGateway(connection: GatewayConnection, name: string, door: GatewayDoor): GatewayUser {
    if (this.#byName.has(name)) throw new ParleyError('NAME_TAKEN');
    this.#open.add(connection);
    return this.#goOnline({ door, name, connection, since: this.#clock.now() });
  }

  /**
   * Brings an enrolled device back: takes its sessions, rooms and, where it still stands, its connection over. Of
   * another device of the user it takes nothing over: beside one that is online there is no room, and after one whose
   * connection broke it makes a new start.
   * @throws ParleyError ALREADY_CONNECTED
   */
  resume(connection: Connection, name: string, deviceKey: string): DeviceUser {
    const before = this.#byName.get(name);
    const device = before?.state === 'online' ? before.user : before;
    if (!before || !device || !('deviceKey' in device) || device.deviceKey !== deviceKey)
      return this.enter(connection, name, deviceKey);
    this.#requireStranger(connection);
    // The device keeps its socket, and so its addresses, until it says otherwise.
    const { candidates } = device;
    const user: DeviceUser = { door: 'native', name, connection, deviceKey, candidates, since: this.#clock.now() };
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
    if (user.door !== 'native') {
      this.#forget(user.name, 'left');
      return;
    }
    if (this.#stopped) return;
    const { name, deviceKey, candidates } = user;
    const endGrace = this.#clock.after(this.#graceMs, () => {
      this.#forget(name, 'lost');
    });
    this.#byName.set(name, { state: 'away', deviceKey, candidates, endGrace });
  }

  userOn(connection: Connection): DeviceUser | undefined {
    const user = this.#byConnection.get(connection);
    return user?.door === 'native' ? user : undefined;
  }

  online(name: string): OnlineUser | undefined {
    const presence = this.#byName.get(name);
    return presence?.state === 'online' ? presence.user : undefined;
  }

  /** Whether a user of an older system has this name. */
  isBehindGateway(name: string): boolean {
    const user = this.online(name);
    return user !== undefined && user.door !== 'native';
  }

  /** The returned function ends it. */
  watch(listener: PresenceListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
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

  #goOnline<User extends OnlineUser>(user: User): User {
    const isNew = this.online(user.name) === undefined;
    this.#byName.set(user.name, { state: 'online', user });
    this.#byConnection.set(user.connection, user);
    this.#onlineNames.add(user.name);
    if (isNew) for (const listener of this.#listeners) listener.came(user);
    return user;
  }

  #goOffline(user: OnlineUser): void {
    this.#byName.delete(user.name);
    this.#byConnection.delete(user.connection);
    this.#onlineNames.delete(user.name);
    this.#departures.offline(user.name);
    for (const listener of this.#listeners) listener.went(user.name);
  }

  #forget(name: string, how: 'left' | 'lost'): void {
    this.#byName.delete(name);
    this.#departures.forgotten(name, how);
  }
}
