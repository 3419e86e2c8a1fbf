/** The messenger: joins one server, one conversation at a time, and the calls between. */
import { limits, namePattern, ParleyError, type Introduction, type ServerEvent } from '@parley/protocol';
import type { LinkEnd } from '@parley/transport';
import type {
  AcceptPolicy,
  CallOptions,
  ClientEvent,
  ConnectedServer,
  Notice,
  ParleyClient,
  Path,
  SessionEndReason,
  Status,
} from './api.js';
import { Conversation } from './conversation.js';
import { EventHub } from './event-hub.js';
import type { PeerTransport } from './ports.js';
import { keyFingerprint, type Profile } from './profile.js';
import type { Reachability } from './reachability.js';
import { parseServerAddress } from './server-address.js';
import { ServerKeyChangedError, ServerLink } from './server-link.js';
import type { EngineSettings } from './settings.js';
import { Trust } from './trust.js';
import { orAborted, Turnstile, within } from './waits.js';

export interface ClientParts {
  readonly profile: Profile;
  readonly transport: PeerTransport;
  readonly reachability: Reachability;
  readonly settings: EngineSettings;
  readonly tls: boolean;
  readonly accept: AcceptPolicy;
  /** Name and version, told to the server. */
  readonly agent: string;
}

/** Why a conversation can end by the other side or the network. */
type CloseReason = 'ended' | 'NO_PATH' | 'PEER_LOST' | 'KEY_CHANGED';

export class Client implements ParleyClient {
  readonly #parts: ClientParts;
  readonly #trust: Trust;
  readonly #events = new EventHub<ClientEvent>();
  readonly #notices = new EventHub<Notice>();
  /** What changes the conversation happens one at a time. */
  readonly #turns = new Turnstile();
  readonly #closed = new AbortController();
  #server: ServerLink | undefined;
  #conversation: Conversation | undefined;
  /** False while the session's first link is still being made. */
  #isOpen = false;
  /** Rejects the opening of the session that is being made. */
  #failOpening: ((reason: ParleyError) => void) | undefined;
  /** Whom we are calling. */
  #calling: string | undefined;
  /** Who is calling us and waits for our answer. */
  #caller: { readonly peer: string; readonly timer: NodeJS.Timeout } | undefined;
  /** What the server could not be told while it was away. */
  #owed: (() => Promise<unknown>)[] = [];

  constructor(parts: ClientParts) {
    this.#parts = parts;
    this.#trust = new Trust(parts.profile, (notice) => {
      this.#notices.emit(notice);
    });
  }

  async connect(server: string, { signal }: CallOptions = {}): Promise<ConnectedServer> {
    if (this.#server) {
      throw new ParleyError('ALREADY_CONNECTED', `already connected to ${this.#server.address.text}; disconnect first`);
    }
    const address = parseServerAddress(server);
    return this.#turns.pass(async () => {
      try {
        const { link, connected } = await ServerLink.connect(
          {
            ...this.#parts,
            address,
            onEvent: (event) => {
              this.#onServerEvent(event);
            },
            onState: (state) => {
              this.#emit({ event: 'server', state });
            },
            onNotice: (notice) => {
              this.#notices.emit(notice);
            },
            restore: () => this.#restore(),
            onGone: (reason) => {
              this.#onServerGone(reason);
            },
          },
          signal,
        );
        this.#server = link;
        return connected;
      } catch (error) {
        if (error instanceof ServerKeyChangedError) this.#trust.refusedServer(error);
        throw error;
      }
    });
  }

  register(name: string, password: string, options?: CallOptions): Promise<{ user: string }> {
    return this.#enrol('account.register', name, password, options);
  }

  login(name: string, password: string, options?: CallOptions): Promise<{ user: string }> {
    return this.#enrol('account.login', name, password, options);
  }

  async users(options?: CallOptions): Promise<{ name: string; online: boolean }[]> {
    return this.#allPages(async (after) => {
      const { users, next } = await this.#online().call('user.list', after, options);
      return { items: users, next };
    });
  }

  async connectedUsers(options?: CallOptions): Promise<{ name: string }[]> {
    return this.#allPages(async (after) => {
      const { users, next } = await this.#online().call('user.connected', after, options);
      return { items: users, next };
    });
  }

  async rooms(options?: CallOptions): Promise<{ name: string; owner: string; members: number }[]> {
    return this.#allPages(async (after) => {
      const { rooms, next } = await this.#online().call('room.list', after, options);
      return { items: rooms, next };
    });
  }

  async roomMembers(room: string, options?: CallOptions): Promise<{ room: string; members: string[] }> {
    return this.#online().call('room.members', { room }, options);
  }

  async open(peer: string, { signal }: CallOptions = {}): Promise<{ peer: string; path: Path }> {
    const server = this.#online();
    // What can be judged here is judged before the open conversation is left for it.
    if (peer === server.user) throw new ParleyError('SELF');
    if (!namePattern.test(peer)) throw new ParleyError('UNKNOWN_USER', `no user is named ${JSON.stringify(peer)}`);
    return this.#turns.pass(async () => {
      await this.#leaveCurrent(signal);
      this.#refuseCaller();
      this.#calling = peer;
      try {
        const timeoutMs = limits.ringMs + this.#parts.settings.requestTimeoutMs;
        const call = server.call('session.open', { peer }, { timeoutMs, ...(signal ? { signal } : {}) });
        const { introduction } = await call.catch((error: unknown) => {
          if (error instanceof ParleyError && ['ABORTED', 'TIMEOUT'].includes(error.code)) {
            void this.#tell(() => server.call('session.close', { peer, reason: 'ended' }));
          }
          throw error;
        });
        return await this.#startSession(introduction, signal);
      } finally {
        this.#calling = undefined;
      }
    });
  }

  async enter(room: string, { signal }: CallOptions = {}): Promise<{ room: string; owner: string; members: string[] }> {
    const server = this.#online();
    if (!namePattern.test(room)) throw new ParleyError('NAME_INVALID');
    return this.#turns.pass(async () => {
      await this.#leaveCurrent(signal);
      this.#refuseCaller();
      const entered = await server.call('room.enter', { room }, signal ? { signal } : {});
      const conversation = this.#newConversation('room', room, entered.id);
      this.#conversation = conversation;
      this.#isOpen = true;
      for (const introduction of entered.introductions) this.#linkMember(conversation, introduction);
      return { room, owner: entered.owner, members: entered.members };
    });
  }

  async send(text: string, options?: CallOptions): Promise<{ id: string; to: string[] }> {
    if (!this.#conversation || !this.#isOpen) throw new ParleyError('NO_CONVERSATION');
    return this.#conversation.send(text, options);
  }

  async leave({ signal }: CallOptions = {}): Promise<void> {
    return this.#turns.pass(async () => {
      if (!this.#conversation) throw new ParleyError('NO_CONVERSATION');
      await this.#leaveCurrent(signal);
    });
  }

  async closeRoom(room: string, { signal }: CallOptions = {}): Promise<void> {
    const server = this.#online();
    return this.#turns.pass(async () => {
      const current = this.#conversation;
      if (current?.kind === 'room' && current.name === room) {
        await orAborted(current.settled(this.#parts.settings.lingerMs), signal);
      }
      await server.call('room.close', { room }, signal ? { signal } : {});
    });
  }

  async accept({ signal }: CallOptions = {}): Promise<{ peer: string; path: Path }> {
    const peer = this.#takeCaller();
    return this.#turns.pass(() => this.#answer(peer, signal));
  }

  async decline(options?: CallOptions): Promise<{ peer: string }> {
    const peer = this.#takeCaller();
    await this.#online().call('session.answer', { peer, answer: 'decline' }, options);
    this.#emitSession(peer, 'closed', 'DECLINED');
    return { peer };
  }

  trust(subject: string): Promise<{ trusted: string; fingerprint: string }> {
    // A promise, though nothing is waited for, so that a mistake is a rejection as everywhere else.
    return Promise.resolve().then(() => this.#trust.accept(subject));
  }

  status(): Status {
    return {
      server: this.#server?.address.text ?? null,
      user: this.#server?.user ?? null,
      conversation: this.#conversation && this.#isOpen ? this.#conversation.status() : null,
    };
  }

  keyOf(user: string): string | null {
    const key = this.#server && this.#parts.profile.pinnedUserKey(this.#server.address.text, user);
    return key === undefined ? null : keyFingerprint(key);
  }

  async disconnect({ signal }: CallOptions = {}): Promise<void> {
    return this.#turns.pass(async () => {
      const server = this.#server;
      if (!server) throw new ParleyError('NOT_CONNECTED');
      this.#refuseCaller();
      await this.#leaveCurrent(signal);
      this.#forgetServer();
      await server.close(signal ? { signal } : {});
    });
  }

  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    if (this.#server) await this.disconnect();
    this.#closed.abort();
    this.#parts.reachability.stop();
    await this.#parts.transport.close();
    this.#parts.profile.release();
  }

  onEvent(listener: (event: ClientEvent) => void): () => void {
    return this.#events.on(listener);
  }

  onNotice(listener: (notice: Notice) => void): () => void {
    return this.#notices.on(listener);
  }

  events({ signal }: CallOptions = {}): AsyncIterableIterator<ClientEvent> {
    return this.#events.iterate(signal ? AbortSignal.any([signal, this.#closed.signal]) : this.#closed.signal);
  }

  // --- accounts -----------------------------------------------------------------------------------------------------

  async #enrol(
    method: 'account.register' | 'account.login',
    name: string,
    password: string,
    options?: CallOptions,
  ): Promise<{ user: string }> {
    const server = this.#connected();
    if (server.user !== undefined) throw new ParleyError('ALREADY_LOGGED_IN', `already logged in as ${server.user}`);
    return this.#turns.pass(async () => {
      const deviceKey = Buffer.from(this.#parts.profile.keyPair.publicKey).toString('base64');
      const login = await server.call(method, { name, password, deviceKey }, { timeoutMs: 60_000, ...options });
      server.loggedIn(login);
      await this.#publishCandidates(server);
      return { user: login.user };
    });
  }

  /** Tells the server where this device may be reached; waits a little for STUN, whose answer may come later. */
  async #publishCandidates(server: ServerLink): Promise<void> {
    const { reachability } = this.#parts;
    const { hello, remoteAddress } = server.connection;
    const asked = reachability.ask({ address: remoteAddress, port: hello.stunPort });
    const publish = (): Promise<unknown> => server.call('path.publish', { candidates: reachability.candidates() });
    const inTime = await within(asked, 400);
    await publish();
    if (!inTime) {
      void asked.then(publish).catch(() => {
        // The connection broke or the login ended meanwhile; both publish anew when they come back.
      });
    }
  }

  // --- conversations ------------------------------------------------------------------------------------------------

  async #startSession(introduction: Introduction, signal?: AbortSignal): Promise<{ peer: string; path: Path }> {
    const { peer } = introduction;
    const server = this.#online();
    const conversation = this.#newConversation('user', peer, introduction.id);
    this.#conversation = conversation;
    this.#isOpen = false;
    try {
      this.#trust.checkPeer(server.address.text, introduction);
      const failed = new Promise<never>((_, reject) => {
        this.#failOpening = reject;
      });
      const opened = conversation.link(introduction, () => {
        this.#isOpen = true;
        this.#failOpening = undefined;
        this.#emitSession(peer, 'opened');
      });
      await orAborted(Promise.race([opened, failed]), signal);
    } catch (error) {
      const reason = closeReasonOf(error);
      const wasOpen = this.status().conversation !== null;
      if (this.#conversation === conversation) {
        this.#conversation = undefined;
        // Given up in the moment in which it stood.
        if (wasOpen) this.#emitSession(peer, 'closed', reason);
      }
      void conversation.close();
      void this.#tell(() => server.call('session.close', { peer, reason }));
      throw reason === 'NO_PATH' ? new ParleyError('NO_PATH', noPathText(peer), { cause: error }) : error;
    } finally {
      this.#failOpening = undefined;
    }
    return { peer, path: 'direct' };
  }

  #newConversation(kind: 'user' | 'room', name: string, id: string): Conversation {
    const conversation: Conversation = new Conversation({
      kind,
      name,
      id,
      self: this.#online().user,
      transport: this.#parts.transport,
      emit: (event) => {
        this.#emit(event);
      },
      notice: (notice) => {
        this.#notices.emit(notice);
      },
      onLinkEnded: (peer, end) => {
        if (this.#conversation === conversation) this.#onLinkEnded(conversation, peer, end);
      },
    });
    return conversation;
  }

  #linkMember(conversation: Conversation, introduction: Introduction): void {
    const { peer } = introduction;
    try {
      this.#trust.checkPeer(this.#online().address.text, introduction);
    } catch (error) {
      conversation.addUnreachable(peer);
      this.#warn(`${peer} is in the room, but gets nothing from here: ${(error as Error).message}`);
      return;
    }
    conversation.link(introduction).catch(() => {
      // Told by onLinkEnded, when the member is still one.
    });
  }

  #onLinkEnded(conversation: Conversation, peer: string, end: LinkEnd): void {
    if (conversation.kind === 'user') {
      // While it is being opened, the opening itself fails.
      if (this.#isOpen) this.#endSession(conversation, peer, end.kind === 'closed' ? 'ended' : 'PEER_LOST');
      return;
    }
    if (end.kind === 'no-path') {
      this.#warn(`${peer} is in the room, but ${noPathText(peer)}`);
      return;
    }
    conversation.removeMember(peer);
    this.#emit({ event: 'room', room: conversation.name, state: 'left', user: peer });
  }

  /** The open session is over, and not by this user's wish. */
  #endSession(conversation: Conversation, peer: string, reason: CloseReason): void {
    this.#conversation = undefined;
    void conversation.close();
    if (reason === 'PEER_LOST') void this.#tell(() => this.#online().call('session.close', { peer, reason }));
    this.#emitSession(peer, 'closed', reason);
  }

  /** Ends the open conversation, if there is one, once what was sent is confirmed or has had its time. */
  async #leaveCurrent(signal: AbortSignal | undefined): Promise<void> {
    const conversation = this.#conversation;
    if (!conversation) return;
    await orAborted(conversation.settled(this.#parts.settings.lingerMs), signal);
    // It may have ended by itself meanwhile.
    if (this.#conversation !== conversation) return;
    this.#conversation = undefined;
    const { kind, name } = conversation;
    // The link first: its goodbye comes behind the last receipts, while the server's word could overtake them.
    await conversation.close();
    const server = this.#server;
    if (server) {
      await this.#tell(() =>
        kind === 'user'
          ? server.call('session.close', { peer: name, reason: 'ended' })
          : server.call('room.leave', { room: name }),
      );
    }
    if (kind === 'user') this.#emitSession(name, 'closed', 'ended');
  }

  // --- calls to us --------------------------------------------------------------------------------------------------

  #onCall(peer: string): void {
    // We are calling each other: the server joins the two calls.
    if (this.#calling === peer) return;
    const again = this.#conversation?.kind === 'user' && this.#conversation.name === peer;
    if (this.#calling !== undefined || this.#caller || (this.#conversation && !again)) {
      this.#reject(peer, 'busy');
      this.#notices.emit({ level: 'info', text: `${peer} called while you were busy` });
      return;
    }
    if (this.#parts.accept === 'never') {
      this.#reject(peer, 'decline');
      return;
    }
    this.#emitSession(peer, 'incoming');
    if (this.#parts.accept === 'auto' || again) {
      this.#turns
        .pass(() => this.#answer(peer))
        .catch(() => {
          // Told as the session's end, in #answer.
        });
      return;
    }
    const timer = setTimeout(() => {
      this.#takeCaller();
      this.#reject(peer, 'decline');
      this.#emitSession(peer, 'closed', 'DECLINED');
    }, this.#parts.settings.ringMs);
    this.#caller = { peer, timer };
  }

  async #answer(peer: string, signal?: AbortSignal): Promise<{ peer: string; path: Path }> {
    try {
      const current = this.#conversation;
      if (current?.kind === 'user' && current.name === peer) {
        // Its device has lost the session and calls again.
        this.#endSession(current, peer, 'ended');
      } else if (current) {
        this.#reject(peer, 'busy');
        throw new ParleyError('BUSY', 'you are in a conversation by now');
      }
      const { introduction } = await this.#online().call(
        'session.answer',
        { peer, answer: 'accept' },
        signal ? { signal } : {},
      );
      if (!introduction) throw new ParleyError('NO_CALLER');
      return await this.#startSession(introduction, signal);
    } catch (error) {
      const code = error instanceof ParleyError ? error.code : undefined;
      this.#emitSession(peer, 'closed', code === 'NO_CALLER' ? 'CANCELLED' : closeReasonOf(error));
      if (code === 'KEY_CHANGED') this.#warn((error as Error).message);
      throw error;
    }
  }

  #takeCaller(): string {
    if (!this.#caller) throw new ParleyError('NO_CALLER');
    const { peer, timer } = this.#caller;
    clearTimeout(timer);
    this.#caller = undefined;
    return peer;
  }

  /** Whoever is calling is told that we are busy, for we are about to be. */
  #refuseCaller(): void {
    if (!this.#caller) return;
    const peer = this.#takeCaller();
    this.#reject(peer, 'busy');
    this.#emitSession(peer, 'closed', 'DECLINED');
  }

  #reject(peer: string, answer: 'busy' | 'decline'): void {
    this.#online()
      .call('session.answer', { peer, answer })
      .catch(() => {
        // The caller has given up, or the connection broke: there is nobody to answer.
      });
  }

  // --- the server ---------------------------------------------------------------------------------------------------

  #onServerEvent(event: ServerEvent): void {
    switch (event.name) {
      case 'server.ping':
      case 'server.shutdown':
      case 'server.replaced':
        return;
      case 'session.incoming':
        this.#onCall(event.params.peer);
        return;
      case 'session.cancelled':
        if (this.#caller?.peer !== event.params.peer) return;
        this.#takeCaller();
        this.#emitSession(event.params.peer, 'closed', 'CANCELLED');
        return;
      case 'session.closed':
        this.#onSessionClosed(event.params.peer, event.params.reason);
        return;
      case 'room.joined': {
        const { room, user, introduction } = event.params;
        const conversation = this.#room(room);
        if (!conversation) return;
        const isNew = !conversation.has(user);
        if (introduction) this.#linkMember(conversation, introduction);
        if (isNew) this.#emit({ event: 'room', room, state: 'joined', user });
        return;
      }
      case 'room.left': {
        const { room, user, reason } = event.params;
        const conversation = this.#room(room);
        // One that the server has lost may still be here: then the link tells.
        if (!conversation?.has(user) || (reason === 'lost' && conversation.linked.includes(user))) return;
        conversation.removeMember(user);
        this.#emit({ event: 'room', room, state: 'left', user });
        return;
      }
      case 'room.closed': {
        const conversation = this.#room(event.params.room);
        if (!conversation) return;
        this.#endRoom(conversation);
        return;
      }
    }
  }

  /** The room is closed for all; what is on its way still arrives, and its receipts too. */
  #endRoom(conversation: Conversation): void {
    this.#conversation = undefined;
    void conversation.settled(this.#parts.settings.lingerMs).then(() => conversation.close());
    this.#emit({ event: 'room', room: conversation.name, state: 'closed' });
  }

  #onSessionClosed(peer: string, reason: CloseReason): void {
    const conversation = this.#conversation;
    if (conversation?.kind !== 'user' || conversation.name !== peer) return;
    if (this.#failOpening) {
      const text =
        reason === 'KEY_CHANGED' ? `${peer} has another key pinned for you and must trust this device` : undefined;
      this.#failOpening(new ParleyError(reason === 'ended' ? 'DECLINED' : reason, text));
      return;
    }
    this.#endSession(conversation, peer, reason);
  }

  /** After a reconnect: the server may be a new process, which knows nothing of what is open. */
  async #restore(): Promise<void> {
    const server = this.#online();
    await this.#publishCandidates(server);
    for (const say of this.#owed.splice(0)) await say().catch(() => undefined);
    const conversation = this.#conversation;
    if (!conversation || !this.#isOpen) return;
    const { kind, name, id } = conversation;
    if (kind === 'user') {
      await server.call('session.restore', { peer: name, id });
      return;
    }
    try {
      const { linked } = conversation;
      const entered = await server.call('room.enter', { room: name, id, linked });
      for (const introduction of entered.introductions) {
        if (!conversation.has(introduction.peer)) {
          this.#emit({ event: 'room', room: name, state: 'joined', user: introduction.peer });
        }
        this.#linkMember(conversation, introduction);
      }
    } catch (error) {
      if (!(error instanceof ParleyError) || error.code !== 'UNKNOWN_ROOM') throw error;
      this.#endRoom(conversation);
    }
  }

  #onServerGone(reason: ParleyError): void {
    if (reason instanceof ServerKeyChangedError) this.#trust.refusedServer(reason);
    this.#warn(`disconnected: ${reason.message}`);
    this.#forgetServer();
    this.#emit({ event: 'server', state: 'lost' });
  }

  #forgetServer(): void {
    this.#server = undefined;
    this.#owed = [];
    this.#parts.reachability.stop();
  }

  /** Tells the server something it has to know: now, or when it is back. Never rejects. */
  async #tell(say: () => Promise<unknown>): Promise<void> {
    try {
      await say();
    } catch (error) {
      // Only a conversation's end is owed, one at a time, so this stays short.
      if (error instanceof ParleyError && error.code === 'SERVER_LOST') this.#owed.push(say);
    }
  }

  async #allPages<T>(page: (after: { after?: string }) => Promise<{ items: T[]; next: string | null }>): Promise<T[]> {
    const all: T[] = [];
    let next: string | null | undefined;
    while (next !== null) {
      const got = await page(next === undefined ? {} : { after: next });
      all.push(...got.items);
      next = got.next;
    }
    return all;
  }

  #connected(): ServerLink {
    if (!this.#server) throw new ParleyError('NOT_CONNECTED');
    return this.#server;
  }

  /** The server, with a login on it. */
  #online(): ServerLink & { readonly user: string } {
    const server = this.#connected();
    if (server.user === undefined) throw new ParleyError('NOT_LOGGED_IN');
    return server as ServerLink & { readonly user: string };
  }

  #room(name: string): Conversation | undefined {
    const conversation = this.#conversation;
    return conversation?.kind === 'room' && conversation.name === name ? conversation : undefined;
  }

  #emit(event: ClientEvent): void {
    this.#events.emit(event);
  }

  #emitSession(peer: string, state: 'incoming' | 'opened' | 'closed', reason?: SessionEndReason): void {
    this.#emit({ event: 'session', peer, state, ...(reason ? { reason } : {}) });
  }

  #warn(text: string): void {
    this.#notices.emit({ level: 'warning', text });
  }
}

function closeReasonOf(error: unknown): CloseReason {
  const code = error instanceof ParleyError ? error.code : undefined;
  return code === 'KEY_CHANGED' || code === 'NO_PATH' || code === 'PEER_LOST' ? code : 'ended';
}

function noPathText(peer: string): string {
  return `no network path to the device of ${peer} was found: none of its addresses answered over UDP`;
}
