/** One stay in a room: links to all members, made anew when they break, and what the server tells of the others. */
import {
  limits,
  ParleyError,
  type EventParams,
  type Introduction,
  type Result,
  type ServerEvent,
} from '@parley/protocol';
import type { LinkEnd } from '@parley/transport';
import type { CallOptions, ConversationStatus, Path, RoomEvent } from './api.js';
import { backoffMs } from './backoff.js';
import { Conversation } from './conversation.js';
import { noPathText } from './session.js';
import type { Engagement, Surroundings } from './surroundings.js';

type Entered = Result<'room.enter'>;

export class RoomStay implements Engagement {
  readonly kind = 'room';
  readonly name: string;
  readonly #around: Surroundings;
  readonly #conversation: Conversation;
  /** Members that no link is asked for: their key is not trusted, or they broke the rules. */
  readonly #shunned = new Set<string>();
  #isOpen = true;
  #leaving: Promise<void> | undefined;
  #relinkTimer: NodeJS.Timeout | undefined;
  #relinks = 0;

  /** @throws ParleyError INTERNAL when the server names another room than was asked for */
  static in(room: string, entered: Entered, around: Surroundings): RoomStay {
    if (entered.room !== room) throw new ParleyError('INTERNAL', `the server names another room than ${room}`);
    return new RoomStay(entered, around);
  }

  private constructor(entered: Entered, around: Surroundings) {
    this.name = entered.room;
    this.#around = around;
    this.#conversation = new Conversation({
      ...around,
      id: entered.id,
      room: entered.room,
      onLinkEnded: (peer, end, error) => {
        this.#onLinkEnded(peer, end, error);
      },
    });
    for (const introduction of entered.introductions) this.#meet(introduction.peer, introduction);
    // Away for a moment: they are introduced when they come back.
    for (const member of entered.members) if (!this.#conversation.has(member)) this.#meet(member, null);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get hasEnded(): boolean {
    return !this.#isOpen;
  }

  get path(): Path {
    return this.#conversation.path;
  }

  status(): ConversationStatus {
    return {
      kind: 'room',
      name: this.name,
      path: this.path,
      rttMs: this.#conversation.rttMs,
      keys: this.#conversation.keys,
      reports: this.#conversation.reports,
    };
  }

  send(text: string, options?: CallOptions): Promise<{ id: string; to: string[] }> {
    return this.#conversation.send(text, options);
  }

  settled(): Promise<void> {
    return this.#conversation.settled(this.#around.settings.lingerMs);
  }

  /** Whoever gave up waiting for it finds it under way. */
  leave(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  async #leave(): Promise<void> {
    await this.settled();
    if (!this.#isOpen) return;
    this.#stop();
    await this.#conversation.close();
    await this.#around.debts.tell(() => this.#around.server.call('room.leave', { room: this.name }));
  }

  onServerEvent(event: ServerEvent): void {
    if (event.name === 'gateway.frames') this.#conversation.receiveFrames(event.params);
    if (!this.#isOpen || !('room' in event.params) || event.params.room !== this.name) return;
    if (event.name === 'room.joined') this.#onJoined(event.params);
    else if (event.name === 'room.closed') this.#drop({ state: 'closed' });
    else if (event.params.reason === 'left' || !this.#mayStillBeHere(event.params.user))
      this.#onLeft(event.params.user);
  }

  async restore(): Promise<void> {
    if (!this.#isOpen) return;
    await this.#reenter();
    this.#conversation.resumeGatewayLinks();
    await Promise.all([...this.#conversation.introductions].map(([peer, id]) => this.#restorePath(peer, id)));
  }

  /** The server may know nothing of the link: then it relays nothing on it, and passes on no addresses. */
  async #restorePath(peer: string, introduction: string): Promise<void> {
    const { server } = this.#around;
    try {
      const { relay } = await server.call('path.restore', { peer, conversation: this.#conversation.id, introduction });
      if (relay) this.#around.useRelay(introduction, relay);
    } catch (error) {
      // The member is on its way back, or gone: then it will be introduced anew.
      if (!(error instanceof ParleyError) || error.code !== 'NO_CONVERSATION') throw error;
    }
  }

  onServerGone(): void {
    this.#conversation.endGatewayLinks();
  }

  /** Though the server has lost it: a link from device to device tells better. */
  #mayStillBeHere(user: string): boolean {
    return this.#conversation.isLinked(user) && !this.#conversation.isBehindGateway(user);
  }

  onTrusted(user: string): void {
    if (!this.#shunned.delete(user)) return;
    this.#relinks = 0;
    this.#relinkSoon(0);
  }

  #onJoined({ user, introduction }: Pick<EventParams<'room.joined'>, 'user' | 'introduction'>): void {
    const isNew = !this.#conversation.has(user);
    const wasReadable = this.#conversation.isBehindGateway(user);
    this.#meet(user, introduction);
    if (isNew && this.#conversation.has(user)) this.#tell({ state: 'joined', user });
    if (wasReadable || !this.#conversation.isBehindGateway(user)) return;
    this.#warn(
      `${user} is in the room through a gateway: from now on it is NOT end-to-end encrypted, the server can read what is said`,
    );
  }

  /** Takes somebody in as a member, with a link where there is an introduction. */
  #meet(user: string, introduction: Introduction | null): void {
    if (user === this.#around.self || (introduction && introduction.peer !== user)) return;
    const isKnown = this.#conversation.has(user);
    // A server that lies about the room's size.
    if (!isKnown && this.#conversation.members.length >= limits.roomMembersMax) return;
    if (introduction) this.#link(introduction);
    else if (!isKnown) this.#conversation.addUnlinked(user);
  }

  #onLeft(user: string): void {
    if (!this.#conversation.has(user)) return;
    this.#shunned.delete(user);
    const before = this.path;
    this.#conversation.removeMember(user);
    this.#tell({ state: 'left', user });
    if (this.path === before) return;
    this.#around.notice({
      level: 'info',
      text: `nobody in ${this.name} is behind a gateway any more: it is end-to-end encrypted`,
    });
  }

  /** The stay is over, and not by this user's wish. What is on its way still arrives, and its receipts too. */
  #drop(how: Pick<RoomEvent, 'state' | 'user'>): void {
    this.#stop();
    void this.settled().then(() => this.#conversation.close());
    this.#tell(how);
  }

  #onLinkEnded(peer: string, end: LinkEnd, error: ParleyError): void {
    if (!this.#isOpen) return;
    if (end.kind === 'closed' && end.by === 'peer') {
      // It left; should it still be a member, the server introduces it anew.
      this.#onLeft(peer);
      return;
    }
    if (end.kind === 'violation' || end.kind === 'closed') {
      this.#shunned.add(peer);
      this.#warn(`${peer} gets nothing from here: it broke the rules, and the connection was closed`);
      return;
    }
    const why =
      end.kind === 'no-path' ? `${noPathText(peer, error)}; or it does not trust this device` : 'the connection broke';
    this.#warn(`${peer} gets nothing from here: ${why}; trying again`);
    this.#relinkSoon();
  }

  #link(introduction: Introduction): void {
    const { peer } = introduction;
    try {
      this.#around.trust.checkPeer(this.#around.server.address.text, introduction);
    } catch (error) {
      if (!(error instanceof ParleyError)) throw error;
      this.#shunned.add(peer);
      this.#conversation.addUnlinked(peer);
      this.#warn(`${peer} is in the room, but gets nothing from here: ${error.message}`);
      return;
    }
    this.#shunned.delete(peer);
    this.#conversation
      .link(introduction, () => {
        this.#relinks = 0;
      })
      .catch(() => {
        // onLinkEnded tells, and tries again.
      });
  }

  #relinkSoon(waitMs = backoffMs(this.#relinks, 1_000, 30_000, Math.random())): void {
    clearTimeout(this.#relinkTimer);
    this.#relinks += 1;
    this.#relinkTimer = setTimeout(() => {
      this.#reenter().catch(() => {
        // The server is away: `restore` follows when it is back.
      });
    }, waitMs).unref();
  }

  /** Asks for introductions to the members that are not linked, and takes over who is in the room. */
  async #reenter(): Promise<void> {
    const { server } = this.#around;
    const linked = this.#conversation.members.filter(
      (member) => this.#conversation.isLinked(member) || this.#shunned.has(member),
    );
    let entered: Entered;
    try {
      entered = await server.call('room.enter', { room: this.name, id: this.#conversation.id, linked });
    } catch (error) {
      const code = error instanceof ParleyError ? error.code : undefined;
      if (code !== 'UNKNOWN_ROOM' && code !== 'ROOM_FULL') throw error;
      // It was closed meanwhile, or is full without us.
      if (this.#isOpen)
        this.#drop(code === 'UNKNOWN_ROOM' ? { state: 'closed' } : { state: 'left', user: this.#around.self });
      return;
    }
    if (!this.#isOpen) {
      // Left while the server was being asked.
      void this.#around.debts.tell(() => server.call('room.leave', { room: this.name }));
      return;
    }
    this.#reconcile(entered);
  }

  #reconcile({ members, introductions }: Entered): void {
    for (const member of this.#conversation.members) {
      if (!members.includes(member) && !this.#conversation.isLinked(member)) this.#onLeft(member);
    }
    for (const introduction of introductions) this.#onJoined({ user: introduction.peer, introduction });
    const unlinked = this.#conversation.members.some(
      (member) => !this.#conversation.isLinked(member) && !this.#shunned.has(member),
    );
    if (unlinked) this.#relinkSoon();
  }

  #stop(): void {
    this.#isOpen = false;
    clearTimeout(this.#relinkTimer);
  }

  #tell(what: Pick<RoomEvent, 'state' | 'user'>): void {
    this.#around.emit({ event: 'room', room: this.name, ...what });
  }

  #warn(text: string): void {
    this.#around.notice({ level: 'warning', text });
  }
}
