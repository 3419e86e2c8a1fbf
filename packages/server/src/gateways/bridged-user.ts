import { createHash, randomBytes } from 'node:crypto';
import {
  messageChainBytes,
  messageIdBytes,
  OutgoingChain,
  namePattern,
  ParleyError,
  textProblem,
  type CloseReason,
  type ErrorCode,
  type EventName,
  type EventParams,
  type FrameBatch,
} from '@parley/protocol';
import type { GatewayConnection, GatewayDoor, GatewayUser } from '../domain/index.js';
import { BridgedLink } from './bridged-link.js';
import type { GatewayParts } from './gateway-parts.js';
import { lookAlike, sharedName } from './shared-name.js';

/** Texts that wait for a call to be taken; more are refused. */
const waitingTexts = 64;

/** How long a text, and all its sender says after it, waits for a peer that takes nothing in; then the session is over. */
const stuckMs = 5_000;

/** What a gateway hears of its user's standing with the others. */
export interface BridgeEvents {
  /** A user calls: to be answered with `accept` or `refuse`, at once or later. */
  called(peer: string): void;
  /** The caller gave up. */
  callEnded(peer: string): void;
  /** A session stands, whoever called. */
  opened(peer: string): void;
  /** A session is over. @param lost texts of ours that the peer did not confirm */
  closed(peer: string, reason: CloseReason, lost: number): void;
  /** A call of ours came to nothing. @param lost texts that waited for it */
  refused(peer: string, code: ErrorCode, lost: number): void;
  /** @param room null in a session @param delivered to be called once the old client's system has the text */
  text(from: string, room: string | null, text: string, delivered: () => void): void;
  /** The old client takes nothing of what a user says, who waits: to be dropped. */
  stalled(from: string): void;
  /** Somebody else came to or left the room we are in, or (with null) it was closed for all. */
  roomChanged(room: string, state: 'joined' | 'left' | 'closed', user: string | null): void;
  /** The server ends. */
  shutdown(): void;
}

export interface BridgedFacts {
  /** As the old client gives it. */
  readonly typed: string;
  readonly door: GatewayDoor;
  /** Where the old client connects from. */
  readonly address: string;
  readonly port: number;
}

interface Session {
  readonly state: 'open';
  readonly id: string;
  readonly link: BridgedLink;
  readonly chain: OutgoingChain;
}

/** We call; the texts go out when the call is taken. */
interface Calling {
  readonly state: 'calling';
  readonly texts: string[];
}

interface RoomStay {
  readonly name: string;
  readonly id: string;
  readonly chain: OutgoingChain;
  readonly links: Map<string, BridgedLink>;
}

const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

/**
 * A user of an older system among the users of the server: what a device does for its user, done here. It may be in any
 * number of sessions and in one room; the server makes its messages and reads those said to it.
 */
export class BridgedUser {
  readonly name: string;
  readonly #parts: GatewayParts;
  readonly #events: BridgeEvents;
  readonly #talks = new Map<string, Session | Calling>();
  readonly #settling = new Set<() => void>();
  #user: GatewayUser | undefined;
  #room: RoomStay | undefined;
  /** The room that is being entered, and what was told of it before we knew that we are in it. */
  #entering: { readonly room: string; readonly told: (() => void)[] } | undefined;
  #isGone = false;

  private constructor(parts: GatewayParts, name: string, events: BridgeEvents) {
    this.#parts = parts;
    this.#events = events;
    this.name = name;
  }

  /** @throws ParleyError NAME_INVALID, NAME_TAKEN */
  static async join(parts: GatewayParts, facts: BridgedFacts, events: BridgeEvents): Promise<BridgedUser> {
    const name = sharedName(facts.typed);
    if (name === undefined) throw new ParleyError('NAME_INVALID');
    const other = lookAlike(facts.typed);
    if (other !== name && (await parts.messenger.isKnown(other))) throw new ParleyError('NAME_TAKEN');
    const bridged = new BridgedUser(parts, name, events);
    const connection: GatewayConnection = {
      address: facts.address,
      port: facts.port,
      notify: (event, params) => {
        bridged.#notify(event, params);
      },
      receive: (from, conversation, batch, resume) => bridged.#receive(from, conversation, batch, resume),
      close: () => {
        bridged.leave('ended');
      },
    };
    bridged.#user = await parts.messenger.accounts.enterGateway(connection, name, facts.door);
    return bridged;
  }

  /** The room it is in. */
  get room(): string | null {
    return this.#room?.name ?? null;
  }

  /** Whether a session with this user stands. */
  isInSession(peer: string): boolean {
    return this.#talks.get(peer)?.state === 'open';
  }

  /** Takes the call of a user who is calling; does nothing when that one has given up. */
  accept(peer: string): void {
    const introduction = this.#ifCalling(() => this.#parts.messenger.answerCall(this.#self, peer, 'accept'));
    if (introduction) this.#begin(peer, introduction.id);
  }

  refuse(peer: string, why: 'BUSY' | 'DECLINED' | 'NO_PATH'): void {
    const { messenger } = this.#parts;
    this.#ifCalling(() => {
      if (why === 'NO_PATH') messenger.failCall(this.#self, peer);
      else messenger.answerCall(this.#self, peer, why === 'BUSY' ? 'busy' : 'decline');
    });
  }

  /** Calls a user and waits for the answer. @throws ParleyError SELF, UNKNOWN_USER, USER_OFFLINE, BUSY, DECLINED, NO_PATH */
  async open(peer: string): Promise<void> {
    const introduction = await this.#parts.messenger.openSession(this.#self, peer);
    // The same call, answered to another waiting `open`.
    const talk = this.#talks.get(peer);
    if (talk?.state !== 'open' || talk.id !== introduction.id) this.#begin(peer, introduction.id);
  }

  /** Gives up a call to a user, or ends the session with that one. */
  close(peer: string, reason: CloseReason = 'ended'): void {
    const talk = this.#talks.get(peer);
    this.#talks.delete(peer);
    this.#parts.messenger.cancelCall(this.#self, peer);
    if (talk?.state !== 'open') return;
    talk.link.close();
    this.#parts.messenger.closeSession(this.#self, peer, talk.id, reason);
  }

  /**
   * Says something to a user, who is called first where there is no session. Settles when the text is taken in: what
   * becomes of it later is told by `refused` and `closed`.
   * @throws ParleyError UNKNOWN_USER, USER_OFFLINE, SELF, TEXT_INVALID, RATE_LIMITED when too much waits for an answer
   */
  async say(peer: string, text: string): Promise<void> {
    const problem = textProblem(text);
    if (problem) throw new ParleyError('TEXT_INVALID', problem);
    const talk = this.#talks.get(peer);
    if (talk?.state === 'open') {
      await this.#sayInSession(peer, talk, text);
      return;
    }
    if (talk && talk.texts.length < waitingTexts) {
      talk.texts.push(text);
      return;
    }
    if (talk) throw new ParleyError('RATE_LIMITED', 'the user has not answered yet');
    if (peer === this.name) throw new ParleyError('SELF');
    if (!this.#parts.messenger.isOnline(peer)) {
      await this.#parts.messenger.findUser(peer);
      throw new ParleyError('USER_OFFLINE');
    }
    void this.#call(peer, { state: 'calling', texts: [text] });
  }

  /** What was said in calls and sessions and is not confirmed, by the user it was said to. */
  unconfirmed(): { peer: string; count: number }[] {
    return [...this.#talks]
      .map(([peer, talk]) => ({ peer, count: talk.state === 'open' ? talk.link.unconfirmed : talk.texts.length }))
      .filter(({ count }) => count > 0);
  }

  /** Waits until all that was said in calls and sessions is confirmed or has failed, at most `ms`. */
  async settled(ms: number): Promise<void> {
    let isLate = false;
    const stopTimer = this.#parts.clock.after(ms, () => {
      isLate = true;
      this.#settle();
    });
    // The timer changes it, which the compiler does not see.
    const isInTime = (): boolean => !isLate;
    while (!this.#isGone && isInTime() && this.unconfirmed().length > 0) {
      await new Promise<void>((resolve) => this.#settling.add(resolve));
    }
    stopTimer();
  }

  /** Enters a room that there is; leaves the one before. @returns its members @throws ParleyError UNKNOWN_ROOM, ROOM_FULL */
  async enterRoom(name: string): Promise<string[]> {
    // What cannot be a name is no room's.
    if (!namePattern.test(name)) throw new ParleyError('UNKNOWN_ROOM');
    // Entered again it would begin anew for all the others.
    if (this.#room?.name === name) return this.#parts.messenger.rooms.members(name);
    const entering = { room: name, told: [] as (() => void)[] };
    this.#entering = entering;
    try {
      const { id, members } = await this.#parts.messenger.rooms.enter(this.#self, name);
      const before = this.#room;
      this.#room = { name, id, chain: newChain(), links: new Map() };
      for (const member of members) this.#meet(member);
      for (const tell of entering.told) tell();
      if (before) await this.#leave(before);
      return members;
    } finally {
      if (this.#entering === entering) this.#entering = undefined;
    }
  }

  /** Says something to all in the room. @throws ParleyError NO_CONVERSATION, TEXT_INVALID */
  sayInRoom(text: string): void {
    const room = this.#room;
    if (!room) throw new ParleyError('NO_CONVERSATION');
    const problem = textProblem(text);
    if (problem) throw new ParleyError('TEXT_INVALID', problem);
    const { id, record } = this.#record(room, text);
    // A member that takes nothing in misses this, and sees that it did; the others do not wait for it.
    for (const link of room.links.values()) if (link.hasRoom) link.say(id, record);
  }

  async leaveRoom(): Promise<void> {
    const room = this.#room;
    this.#room = undefined;
    if (room) await this.#leave(room);
  }

  async #leave(room: RoomStay): Promise<void> {
    for (const link of room.links.values()) link.close();
    await this.#parts.messenger.rooms.leave(this.#self, room.name).catch((error: unknown) => {
      // It was closed in the same moment.
      if (!(error instanceof ParleyError)) throw error;
    });
  }

  /** Frees the name, at once. @param how whether the old client said goodbye, or its connection broke */
  leave(how: 'ended' | 'dropped'): void {
    if (this.#isGone) return;
    for (const peer of [...this.#talks.keys()]) this.close(peer, how === 'ended' ? 'ended' : 'PEER_LOST');
    this.#isGone = true;
    this.#parts.messenger.leaveGateway(this.#self);
    for (const link of this.#room?.links.values() ?? []) link.close();
    this.#room = undefined;
    this.#settle();
  }

  // --- what the domain tells ----------------------------------------------------------------------------------------

  #notify<E extends EventName>(event: E, params: EventParams<E>): void {
    if (this.#isGone) return;
    if ('room' in params && params.room === this.#entering?.room && params.room !== this.#room?.name) {
      this.#entering.told.push(() => {
        this.#notify(event, params);
      });
      return;
    }
    // Which parameters belong to which name is lost in a generic method.
    const told = { event, params } as { [N in EventName]: { event: N; params: EventParams<N> } }[EventName];
    switch (told.event) {
      case 'session.incoming':
        this.#events.called(told.params.peer);
        break;
      case 'session.cancelled':
        this.#events.callEnded(told.params.peer);
        break;
      case 'session.closed':
        this.#onClosed(told.params);
        break;
      case 'room.joined':
        this.#onJoined(told.params);
        break;
      case 'room.left':
        this.#onLeft(told.params);
        break;
      case 'room.closed':
        if (told.params.room !== this.#room?.name) break;
        for (const link of this.#room.links.values()) link.close();
        this.#room = undefined;
        this.#events.roomChanged(told.params.room, 'closed', null);
        break;
      case 'server.shutdown':
        this.#events.shutdown();
        break;
      case 'server.ping':
      case 'server.replaced':
      case 'gateway.frames':
      case 'path.offered':
      case 'relay.frames':
        // For devices only.
        break;
    }
  }

  #receive(from: string, conversation: string, batch: FrameBatch, resume: boolean): number {
    const talk = this.#talks.get(from);
    const inSession = talk?.state === 'open' && talk.id === conversation ? talk.link : undefined;
    const link = inSession ?? (this.#room?.id === conversation ? this.#room.links.get(from) : undefined);
    if (this.#isGone || !link) throw new ParleyError('NO_CONVERSATION');
    return link.receive(batch, resume);
  }

  // --- sessions -----------------------------------------------------------------------------------------------------

  /** While it is joining nobody can reach it. */
  get #self(): GatewayUser {
    if (!this.#user) throw new Error('not joined');
    return this.#user;
  }

  #ifCalling<T>(answer: () => T): T | undefined {
    try {
      return answer();
    } catch (error) {
      if (error instanceof ParleyError && error.code === 'NO_CALLER') return undefined;
      throw error;
    }
  }

  /** Never rejects. */
  async #call(peer: string, calling: Calling): Promise<void> {
    this.#talks.set(peer, calling);
    try {
      await this.open(peer);
    } catch (error) {
      if (this.#talks.get(peer) !== calling) return;
      this.#talks.delete(peer);
      if (!(error instanceof ParleyError)) this.#parts.log.error({ err: error }, 'a call of a gateway failed');
      const code = error instanceof ParleyError ? error.code : 'INTERNAL';
      if (!this.#isGone) this.#events.refused(peer, code, calling.texts.length);
      this.#settle();
    }
  }

  #begin(peer: string, id: string): void {
    const before = this.#talks.get(peer);
    const session: Session = { state: 'open', id, link: this.#link(peer, id, null), chain: newChain() };
    if (this.#isGone) {
      this.#parts.messenger.closeSession(this.#self, peer, id, 'ended');
      return;
    }
    this.#talks.set(peer, session);
    if (before?.state === 'open') this.#events.closed(peer, 'ended', before.link.close());
    this.#events.opened(peer);
    session.link.start();
    if (before?.state !== 'calling') return;
    for (const text of before.texts) {
      const said = this.#record(session, text);
      session.link.say(said.id, said.record);
    }
  }

  async #sayInSession(peer: string, session: Session, text: string): Promise<void> {
    if (!session.link.hasRoom && !(await session.link.room(stuckMs))) {
      if (this.#talks.get(peer) === session) {
        this.close(peer, 'PEER_LOST');
        this.#events.closed(peer, 'PEER_LOST', session.link.close());
      }
      throw new ParleyError('USER_OFFLINE', 'the user takes nothing in');
    }
    const { id, record } = this.#record(session, text);
    session.link.say(id, record);
  }

  #onClosed({ peer, id, reason }: EventParams<'session.closed'>): void {
    const talk = this.#talks.get(peer);
    if (talk?.state !== 'open' || talk.id !== id) return;
    this.#talks.delete(peer);
    this.#events.closed(peer, reason, talk.link.close());
    this.#settle();
  }

  #settle(): void {
    for (const go of this.#settling) go();
    this.#settling.clear();
  }

  // --- the room -----------------------------------------------------------------------------------------------------

  #meet(member: string): void {
    const room = this.#room;
    if (!room || member === this.name) return;
    room.links.get(member)?.close();
    const link = this.#link(member, room.id, room.name);
    room.links.set(member, link);
    link.start();
  }

  #onJoined({ room, user, introduction }: EventParams<'room.joined'>): void {
    if (this.#room?.name !== room) return;
    const isNew = !this.#room.links.has(user);
    // One that came back and is linked goes on where it was.
    if (isNew || introduction) this.#meet(user);
    if (isNew) this.#events.roomChanged(room, 'joined', user);
  }

  #onLeft({ room, user }: EventParams<'room.left'>): void {
    const link = this.#room?.name === room ? this.#room.links.get(user) : undefined;
    if (!link) return;
    link.close();
    this.#room?.links.delete(user);
    this.#events.roomChanged(room, 'left', user);
  }

  // --- frames -------------------------------------------------------------------------------------------------------

  #link(peer: string, id: string, room: string | null): BridgedLink {
    return new BridgedLink({
      peer,
      conversation: id,
      clock: this.#parts.clock,
      carry: (batch, resume) => this.#parts.messenger.carryFrames(this.#self, peer, id, batch, resume),
      text: (text, delivered) => {
        this.#events.text(peer, room, text, delivered);
      },
      confirmed: () => {
        this.#settle();
      },
      stalled: () => {
        this.#events.stalled(peer);
      },
    });
  }

  #record(talk: { id: string; chain: OutgoingChain }, text: string): { id: string; record: Uint8Array } {
    const id = randomBytes(messageIdBytes);
    const conversation = Buffer.from(talk.id, 'hex');
    const record = talk.chain.next({ id, conversation, sender: this.name, at: this.#parts.clock.now(), text });
    return { id: id.toString('hex'), record };
  }
}

function newChain(): OutgoingChain {
  return new OutgoingChain(sha256, randomBytes(messageChainBytes));
}
