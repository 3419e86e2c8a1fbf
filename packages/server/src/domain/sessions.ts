import { ParleyError, type CloseReason } from '@parley/protocol';
import { ordered, PairTable } from './pair-table.js';
import type { Clock } from './ports.js';
import type { OnlineUser, PresenceTable } from './presence.js';
import { userBounds } from './settings.js';

export interface Session {
  /** Of the introduction it began with. */
  readonly id: string;
  /** In ascending order. */
  readonly users: readonly [string, string];
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** Which users are in a session with each other: what the devices said, for the lists; the talk itself goes past. */
export class Sessions {
  readonly #clock: Clock;
  readonly #presence: PresenceTable;
  /** By the two names in ascending order: at most one for a pair. */
  readonly #sessions = new PairTable<Session>();
  /** From a user to a peer: the session that this user says went on while the server knew nothing of it. */
  readonly #claims = new PairTable<string>();

  constructor(clock: Clock, presence: PresenceTable) {
    this.#clock = clock;
    this.#presence = presence;
  }

  /** Begins a session; an old one of the same pair is replaced. */
  begin(id: string, first: string, second: string): void {
    const users = ordered(first, second);
    this.#sessions.set(...users, { id, users, since: this.#clock.now() });
    this.#claims.delete(first, second);
    this.#claims.delete(second, first);
  }

  /** @throws ParleyError RATE_LIMITED when the user has as many sessions as one may. */
  requireRoom(name: string, peer: string): void {
    if (this.#sessions.get(...ordered(name, peer))) return;
    if (this.of(name).length >= userBounds.sessions) {
      throw new ParleyError('RATE_LIMITED', 'too many sessions; end some first');
    }
  }

  /** Ends the session of the pair, or what the peer claims of it, and tells the peer; does nothing to a newer one. */
  close(user: OnlineUser, peer: string, id: string, reason: CloseReason): void {
    if (this.#claims.get(user.name, peer) === id) this.#claims.delete(user.name, peer);
    const users = ordered(user.name, peer);
    if (this.#sessions.get(...users)?.id === id) this.#sessions.delete(...users);
    else if (this.#claims.get(peer, user.name) === id) this.#claims.delete(peer, user.name);
    else return;
    this.#presence.tell(peer, 'session.closed', { peer: user.name, id, reason });
  }

  /** Takes one user's word that a session went on; with the same word of the other it counts again. */
  restore(user: OnlineUser, peer: string, id: string): void {
    // One that the server knows of stands: a newer one makes the claim void, the same one needs none.
    if (peer === user.name || this.#sessions.get(...ordered(user.name, peer))) return;
    if (this.#claims.get(peer, user.name) === id) this.begin(id, user.name, peer);
    else this.#claim(user.name, peer, id);
  }

  /** A user who comes back tells of its sessions anew. */
  dropClaims(name: string): void {
    for (const [peer] of this.#claims.from(name)) this.#claims.delete(name, peer);
  }

  /**
   * Drops what a user had. One that logged out is gone for the peers, and one that did not come back is for those
   * without a device. Other devices may go on talking, so a peer who is online, and will not tell of the session again,
   * has thereby told of it.
   */
  forget(name: string, how: 'left' | 'lost'): void {
    this.dropClaims(name);
    for (const { id, users } of this.of(name)) {
      const peer = users[0] === name ? users[1] : users[0];
      this.#sessions.delete(...users);
      if (how === 'left') this.#presence.tell(peer, 'session.closed', { peer: name, id, reason: 'ended' });
      else if (this.#presence.isBehindGateway(peer)) {
        this.#presence.tell(peer, 'session.closed', { peer: name, id, reason: 'PEER_LOST' });
      } else if (this.#presence.online(peer)) this.#claim(peer, name, id);
    }
  }

  /** Whether the two are in the session that began with this introduction. */
  has(name: string, peer: string, id: string): boolean {
    return this.#sessions.get(...ordered(name, peer))?.id === id;
  }

  of(name: string): Session[] {
    return [...this.#sessions.from(name), ...this.#sessions.to(name)].map(([, session]) => session);
  }

  all(): Session[] {
    return Array.from(this.#sessions.entries(), ([, , session]) => session);
  }

  #claim(name: string, peer: string, id: string): void {
    const [oldest, ...others] = this.#claims.from(name);
    if (oldest && others.length + 1 >= userBounds.sessions) this.#claims.delete(name, oldest[0]);
    this.#claims.set(name, peer, id);
  }
}
