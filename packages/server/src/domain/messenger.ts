import {
  ParleyError,
  type Candidate,
  type CloseReason,
  type FrameBatch,
  type Introduction,
  type RelayGrant,
} from '@parley/protocol';
import { Accounts, type AccountPorts } from './accounts.js';
import { Calls } from './calls.js';
import { Introductions } from './introductions.js';
import { cutPage, pageLimit, type Page, type PageRequest } from './page.js';
import type { Connection, RelayChannels, RoomRepository } from './ports.js';
import {
  PresenceTable,
  type DeviceUser,
  type GatewayUser,
  type OnlineUser,
  type PresenceListener,
} from './presence.js';
import { Rooms } from './rooms.js';
import { Sessions } from './sessions.js';
import { defaultDomainSettings, type DomainSettings } from './settings.js';

export interface DomainPorts extends AccountPorts {
  readonly rooms: RoomRepository;
  /** Null: the server relays nothing. */
  readonly relay: RelayChannels | null;
}

/**
 * The whole of what the server knows and decides, without sockets: connections come in by `connected`, requests by the
 * methods, and what others are to hear goes out by the `notify` of their connections.
 */
export class Messenger {
  readonly accounts: Accounts;
  readonly rooms: Rooms;
  readonly #presence: PresenceTable;
  readonly #calls: Calls;
  readonly #sessions: Sessions;
  readonly #introductions: Introductions;

  constructor(ports: DomainPorts, settings: Partial<DomainSettings> = {}) {
    const all = { ...defaultDomainSettings, ...settings };
    const { ringMs, resumeGraceMs, resumeTokenMs } = all;
    const { clock, random } = ports;
    this.#presence = new PresenceTable(clock, resumeGraceMs, {
      offline: (name) => {
        this.#calls.cancelAll(name);
        this.#calls.refuseAll(name);
        this.#sessions.dropClaims(name);
        this.#introductions.dropClaims(name);
      },
      replaced: (user) => {
        this.#calls.cancelAll(user.name);
        this.#calls.ringAgain(user);
      },
      forgotten: (name, how) => {
        this.#sessions.forget(name, how);
        this.rooms.forget(name, how);
        this.#introductions.forget(name, how);
      },
    });
    this.accounts = new Accounts(ports, this.#presence, resumeTokenMs);
    this.#introductions = new Introductions(random, ports.relay);
    this.rooms = new Rooms(clock, random, all, ports.rooms, this.#introductions, this.#presence);
    this.#sessions = new Sessions(clock, this.#presence);
    this.#calls = new Calls(clock, this.#introductions, ringMs, this.#presence, this.#sessions);
  }

  /** To be called first for a connection, with a stranger at its other end. */
  connected(connection: Connection): void {
    this.#presence.connected(connection);
  }

  /** The connection is gone, for whatever reason. */
  disconnected(connection: Connection): void {
    this.#presence.disconnected(connection);
  }

  userOn(connection: Connection): DeviceUser | undefined {
    return this.#presence.userOn(connection);
  }

  /** A user of an older system is gone. */
  leaveGateway(user: GatewayUser): void {
    this.#presence.disconnected(user.connection);
  }

  /** Tells of who comes online and who goes, until the returned function is called. */
  watchPresence(listener: PresenceListener): () => void {
    return this.#presence.watch(listener);
  }

  isOnline(name: string): boolean {
    return this.#presence.online(name) !== undefined;
  }

  onlinePage(request: PageRequest): Page<{ name: string; door: OnlineUser['door'] }> {
    const limit = pageLimit(request);
    const names = this.#presence.onlineAfter(request.after, limit + 1);
    const users = names.map((name) => ({ name, door: this.#presence.online(name)?.door ?? 'native' }));
    return cutPage(users, limit, (user) => user.name);
  }

  /** Whether a user has this name, online or not. */
  async isKnown(name: string): Promise<boolean> {
    return this.isOnline(name) || (await this.accounts.exists(name));
  }

  /** @throws ParleyError UNKNOWN_USER */
  async findUser(name: string): Promise<{ name: string; online: boolean }> {
    if (!(await this.isKnown(name))) throw new ParleyError('UNKNOWN_USER');
    return { name, online: this.isOnline(name) };
  }

  publish(user: DeviceUser, candidates: readonly Candidate[]): void {
    user.candidates = candidates;
  }

  /** Calls `peer` and waits for the answer. @throws ParleyError SELF, UNKNOWN_USER, USER_OFFLINE, BUSY, DECLINED */
  async openSession(user: OnlineUser, peer: string): Promise<Introduction> {
    if (peer === user.name) throw new ParleyError('SELF');
    const callee = this.#presence.online(peer);
    if (!callee) throw new ParleyError((await this.accounts.exists(peer)) ? 'USER_OFFLINE' : 'UNKNOWN_USER');
    return this.#calls.open(user, callee);
  }

  /** @throws ParleyError NO_CALLER */
  answerCall(user: OnlineUser, caller: string, answer: 'accept' | 'decline' | 'busy'): Introduction | null {
    if (answer === 'accept') return this.#calls.accept(user, caller);
    this.#calls.refuse(user, caller, answer === 'busy' ? 'BUSY' : 'DECLINED');
    return null;
  }

  /** The client of the older system cannot be reached. @throws ParleyError NO_CALLER */
  failCall(user: GatewayUser, caller: string): void {
    this.#calls.refuse(user, caller, 'NO_PATH');
  }

  /** Takes back a call to `peer`, if there is one. */
  cancelCall(user: OnlineUser, peer: string): void {
    this.#calls.cancel(user.name, peer);
  }

  /** Ends the session that began with the introduction `id`, if there is one. */
  closeSession(user: OnlineUser, peer: string, id: string, reason: CloseReason): void {
    this.#sessions.close(user, peer, id, reason);
    this.#introductions.end(user.name, peer, 'session', id);
  }

  /** @returns the user's side of the session's relay channel; null where there is none */
  restoreSession(user: OnlineUser, peer: string, id: string): RelayGrant | null {
    this.#sessions.restore(user, peer, id);
    return this.#introductions.restore(user.name, peer, 'session', id);
  }

  /**
   * The same for an introduction to a member of a room; `room` is the id of its opening.
   * @throws ParleyError NO_CONVERSATION
   */
  restoreIntroduction(user: OnlineUser, peer: string, room: string, id: string): RelayGrant | null {
    if (!this.rooms.isIn(room, user.name)) throw new ParleyError('NO_CONVERSATION');
    return this.#introductions.restore(user.name, peer, { room }, id);
  }

  /** Passes on, for the device at the other end of an introduction, where this one may be reached. @throws ParleyError NO_CONVERSATION, USER_OFFLINE */
  offerPath(user: DeviceUser, peer: string, introduction: string, sealed: string): void {
    if (!this.#introductions.stands(user.name, peer, introduction)) throw new ParleyError('NO_CONVERSATION');
    const to = this.#presence.online(peer);
    if (!to) throw new ParleyError('USER_OFFLINE');
    to.connection.notify('path.offered', { peer: user.name, introduction, sealed }, 'allowed');
  }

  /** Relay frames, each in base64, for a user who is on the control connection; as datagrams they may be lost. */
  deliverRelayed(name: string, frames: string[]): void {
    this.#presence.online(name)?.connection.notify('relay.frames', { frames }, 'allowed');
  }

  /**
   * Carries what one user says to another in the session or room of that id, where at least one of them has no device:
   * between two devices the server carries nothing.
   * @returns how many frames have come there from this user, where that is known at once
   * @throws ParleyError NO_CONVERSATION, INVALID_PARAMS; USER_OFFLINE while the device's connection is broken
   */
  carryFrames(from: OnlineUser, peer: string, id: string, batch: FrameBatch, resume: boolean): number | undefined {
    const together = this.#sessions.has(from.name, peer, id) || this.rooms.areIn(id, from.name, peer);
    const to = this.#presence.online(peer);
    // Who has no device is never away.
    const isForDevice = to === undefined || to.door === 'native';
    if (!together || (from.door === 'native' && isForDevice)) throw new ParleyError('NO_CONVERSATION');
    if (!to) throw new ParleyError('USER_OFFLINE');
    if (to.door !== 'native') return to.connection.receive(from.name, id, batch, resume);
    // A device says by itself when it is there, and learns what has come from the reply.
    if (batch.frames.length === 0) return undefined;
    to.connection.notify('gateway.frames', { peer: from.name, conversation: id, ...batch, frames: [...batch.frames] });
    return undefined;
  }

  /** For the operator: everybody who is online, by name. */
  onlineUsers(): { name: string; door: OnlineUser['door']; address: string; port: number; since: number }[] {
    return this.#presence.onlineAfter(undefined, Infinity).flatMap((name) => {
      const user = this.#presence.online(name);
      if (!user) return [];
      const { address, port } = user.connection;
      return [{ name, door: user.door, address, port, since: user.since }];
    });
  }

  /** For the operator: all sessions, by the names of their users. */
  sessions(): { users: readonly [string, string]; since: number }[] {
    return this.#sessions
      .all()
      .map(({ users, since }) => ({ users, since }))
      .sort((left, right) => (left.users.join(' ') < right.users.join(' ') ? -1 : 1));
  }

  /** Tells every client that the server ends, and lets go of all that waits. */
  stop(): void {
    for (const connection of this.#presence.connections) connection.notify('server.shutdown', {});
    this.#calls.stop();
    this.#presence.stop();
  }
}
