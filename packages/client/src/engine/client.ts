/** The messenger: one server, one conversation at a time, and the calls between. */
import { limits, namePattern, ParleyError, type EventParams, type ServerEvent } from '@parley/protocol';
import type {
  AcceptPolicy,
  CallOptions,
  ClientEvent,
  ConnectedServer,
  Diagnosis,
  FoundServer,
  Notice,
  ParleyClient,
  Path,
  PathTo,
  PathPolicy,
  ServerStateEvent,
  Status,
} from './api.js';
import { diagnose } from './diagnosis.js';
import { EventHub } from './event-hub.js';
import { IncomingCalls } from './incoming-calls.js';
import { discoverServers } from './lan-discovery.js';
import { allPages } from './pages.js';
import type { PeerLinks } from './peer-links.js';
import { keyFingerprint, type Profile } from './profile.js';
import { RoomStay } from './room-stay.js';
import { parseServerAddress } from './server-address.js';
import { isUnanswered, ServerDebts } from './server-debts.js';
import { ServerKeyChangedError, ServerLink } from './server-link.js';
import { Session } from './session.js';
import type { EngineSettings } from './settings.js';
import type { Engagement, Surroundings } from './surroundings.js';
import { Trust } from './trust.js';
import { orAborted, Turnstile } from './waits.js';

export interface ClientParts {
  readonly profile: Profile;
  readonly links: PeerLinks;
  readonly settings: EngineSettings;
  readonly tls: boolean;
  readonly accept: AcceptPolicy;
  /** Which ways may be taken to users that have no policy of their own. */
  readonly path: PathPolicy;
  /** Name and version, told to the server. */
  readonly agent: string;
}

export class Client implements ParleyClient {
  readonly #parts: ClientParts;
  readonly #trust: Trust;
  readonly #calls: IncomingCalls;
  readonly #debts = new ServerDebts();
  readonly #events = new EventHub<ClientEvent>();
  readonly #notices = new EventHub<Notice>();
  /** Commands that change where the user is happen one at a time. */
  readonly #turns = new Turnstile();
  /** Aborted when the client closes; commands under way give up. */
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;
  #server: ServerLink | undefined;
  #engagement: Engagement | undefined;
  /** A command is on its way from one conversation to another, and whom it calls. */
  #moving: { readonly to: string | undefined } | undefined;

  constructor(parts: ClientParts) {
    this.#parts = parts;
    const notice = (what: Notice): void => {
      this.#notices.emit(what);
    };
    this.#trust = new Trust(parts.profile.pins, notice);
    this.#calls = new IncomingCalls({
      policy: parts.accept,
      ringMs: parts.settings.ringMs,
      begin: (session) => {
        this.#engagement = session;
      },
    });
  }

  discover(options: CallOptions = {}): Promise<FoundServer[]> {
    return discoverServers(options);
  }

  async connect(server: string, { signal }: CallOptions = {}): Promise<ConnectedServer> {
    const address = parseServerAddress(server);
    return this.#turn(signal, async (stop) => {
      if (this.#server) {
        // Whoever asks for it does not want to wait for the next try.
        if (!this.#server.isUp && this.#server.address.text === address.text) this.#server.networkChanged();
        throw new ParleyError(
          'ALREADY_CONNECTED',
          `already connected to ${this.#server.address.text}; disconnect first`,
        );
      }
      try {
        const { link, connected } = await ServerLink.connect(
          {
            ...this.#parts,
            address,
            onEvent: (event) => {
              this.#onServerEvent(event);
            },
            onState: (state) => {
              this.#onServerState(state);
            },
            onNotice: (notice) => {
              this.#notices.emit(notice);
            },
            restore: () => this.#restore(),
            onGone: (reason) => {
              this.#onServerGone(reason);
            },
          },
          stop,
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
    return allPages(async (after) => {
      const { users, next } = await this.#online().call('user.list', after, options);
      return { items: users, next };
    });
  }

  async connectedUsers(options?: CallOptions): Promise<{ name: string; door: string }[]> {
    return allPages(async (after) => {
      const { users, next } = await this.#online().call('user.connected', after, options);
      return { items: users, next };
    });
  }

  async rooms(options?: CallOptions): Promise<{ name: string; owner: string; members: number }[]> {
    return allPages(async (after) => {
      const { rooms, next } = await this.#online().call('room.list', after, options);
      return { items: rooms, next };
    });
  }

  async roomMembers(room: string, options?: CallOptions): Promise<{ room: string; members: string[] }> {
    const server = this.#online();
    if (!namePattern.test(room)) throw noSuchRoom(room);
    return server.call('room.members', { room }, options);
  }

  async open(peer: string, { signal }: CallOptions = {}): Promise<{ peer: string; path: Path }> {
    // What can be judged here is judged before the open conversation is left for it.
    if (peer === this.#online().user) throw new ParleyError('SELF');
    if (!namePattern.test(peer)) throw new ParleyError('UNKNOWN_USER', `no user is named ${JSON.stringify(peer)}`);
    // So is what the server knows.
    if (!(await this.#online().call('user.find', { name: peer }, signal ? { signal } : {})).online) {
      throw new ParleyError('USER_OFFLINE', `${peer} is not online`);
    }
    return this.#move(peer, signal, async (stop) => {
      const around = this.#surroundings();
      const timeoutMs = limits.ringMs + this.#parts.settings.requestTimeoutMs;
      const call = around.server.call('session.open', { peer }, { timeoutMs, signal: stop });
      const { introduction } = await call.catch((error: unknown) => {
        if (isUnanswered(error)) void around.debts.takeBack(peer, around.server);
        throw error;
      });
      const session = Session.with(peer, introduction, around);
      this.#engagement = session;
      await session.establish(stop);
      return { peer, path: session.path };
    });
  }

  async enter(
    room: string,
    { signal }: CallOptions = {},
  ): Promise<{ room: string; owner: string; members: string[]; path: Path }> {
    if (!namePattern.test(room)) throw new ParleyError('NAME_INVALID');
    // Without a server the open conversation is not left for nothing.
    await this.#online().call('server.ping', {}, signal ? { signal } : {});
    return this.#move(undefined, signal, async (stop) => {
      const around = this.#surroundings();
      const entering = around.server.call('room.enter', { room }, { signal: stop });
      const entered = await entering.catch((error: unknown) => {
        if (isUnanswered(error)) void this.#debts.tell(() => around.server.call('room.leave', { room }));
        throw error;
      });
      const stay = RoomStay.in(room, entered, around);
      this.#engagement = stay;
      return { room, owner: entered.owner, members: entered.members, path: stay.path };
    });
  }

  async send(text: string, options?: CallOptions): Promise<{ id: string; to: string[] }> {
    const current = this.#current;
    if (!current?.isOpen) throw new ParleyError('NO_CONVERSATION');
    return current.send(text, options);
  }

  async leave({ signal }: CallOptions = {}): Promise<void> {
    if (!this.#current) throw new ParleyError('NO_CONVERSATION');
    return this.#move(undefined, signal, () => Promise.resolve());
  }

  async closeRoom(room: string, { signal }: CallOptions = {}): Promise<void> {
    const server = this.#online();
    if (!namePattern.test(room)) throw noSuchRoom(room);
    return this.#turn(signal, async (stop) => {
      const current = this.#current;
      if (current?.kind === 'room' && current.name === room) await orAborted(current.settled(), stop);
      await server.call('room.close', { room }, { signal: stop });
    });
  }

  async accept({ signal }: CallOptions = {}): Promise<{ peer: string; path: Path }> {
    const session = await this.#calls.accept(signal);
    return { peer: session.name, path: session.path };
  }

  decline(): Promise<{ peer: string }> {
    // A promise, though nothing is waited for, so that a mistake is a rejection as everywhere else.
    return Promise.resolve().then(() => ({ peer: this.#calls.decline() }));
  }

  trust(subject: string): Promise<{ trusted: string; fingerprint: string }> {
    return Promise.resolve().then(() => {
      const accepted = this.#trust.accept(subject);
      this.#current?.onTrusted(accepted.trusted);
      return accepted;
    });
  }

  status(): Status {
    const current = this.#current;
    const address = this.#server?.address.text ?? null;
    return {
      server: this.#server?.isUp ? address : null,
      lostServer: this.#server?.isUp ? null : address,
      user: this.#server?.user ?? null,
      conversation: current?.isOpen ? current.status() : null,
    };
  }

  get lastServer(): string | null {
    return this.#parts.profile.pins.lastServer ?? null;
  }

  get ownKey(): string {
    return keyFingerprint(Buffer.from(this.#parts.profile.keyPair.publicKey).toString('base64'));
  }

  keyOf(user: string): string | null {
    const key = this.#server && this.#parts.profile.pins.userKey(this.#server.address.text, user);
    return key === undefined ? null : keyFingerprint(key);
  }

  pathTo(user?: string): PathTo {
    const current = this.#current;
    const peer = user ?? (current?.kind === 'user' ? current.name : undefined);
    if (peer === undefined) throw new ParleyError('NO_CONVERSATION', 'name a user, or open a session first');
    return { peer, policy: this.#policyOf(peer), report: this.#parts.links.reportOf(peer) ?? null };
  }

  setPathPolicy(user: string, policy: PathPolicy | null): void {
    if (!namePattern.test(user)) throw new ParleyError('UNKNOWN_USER', `no user is named ${JSON.stringify(user)}`);
    this.#parts.profile.paths.set(this.#connected().address.text, user, policy);
  }

  diagnose(user?: string, { signal }: CallOptions = {}): Promise<Diagnosis> {
    // A promise, whatever is wrong.
    return Promise.resolve().then(() => {
      const server = user === undefined ? this.#server : this.#online();
      return diagnose({ client: this, server, ...this.#parts.links.askedOf(server) }, user, signal);
    });
  }

  async disconnect({ signal }: CallOptions = {}): Promise<void> {
    if (!this.#server && !this.#current) throw new ParleyError('NOT_CONNECTED');
    // Whoever rings hears from the server that we are gone.
    this.#calls.hangUp();
    return this.#move(undefined, signal, () => this.#leaveServer());
  }

  close(): Promise<void> {
    this.#closed ??= this.#shutDown();
    return this.#closed;
  }

  onEvent(listener: (event: ClientEvent) => void): () => void {
    return this.#events.on(listener);
  }

  onNotice(listener: (notice: Notice) => void): () => void {
    return this.#notices.on(listener);
  }

  events({ signal }: CallOptions = {}): AsyncIterableIterator<ClientEvent> {
    return this.#events.iterate(signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal);
  }

  // --- commands -----------------------------------------------------------------------------------------------------

  /** The conversation the user is in, or about to be. */
  get #current(): Engagement | undefined {
    return this.#engagement?.hasEnded ? undefined : this.#engagement;
  }

  /** Runs a command when those before it are done; it gives up when its caller does, or the client closes. */
  #turn<T>(signal: AbortSignal | undefined, work: (stop: AbortSignal) => Promise<T>): Promise<T> {
    const { signal: closing } = this.#closing;
    const stop = signal ? AbortSignal.any([signal, closing]) : closing;
    return this.#turns.pass(() => {
      if (stop.aborted) throw new ParleyError('ABORTED', undefined, { cause: stop.reason });
      return work(stop);
    });
  }

  /**
   * Leaves what is open, then does `work`. Meanwhile whoever calls hears that we are busy, but for the user we call
   * ourselves: the server joins the two calls.
   */
  #move<T>(
    to: string | undefined,
    signal: AbortSignal | undefined,
    work: (stop: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return this.#turn(signal, async (stop) => {
      this.#moving = { to };
      try {
        await orAborted(this.#leaveCurrent(), stop);
        return await work(stop);
      } finally {
        this.#moving = undefined;
      }
    });
  }

  async #leaveCurrent(): Promise<void> {
    await this.#calls.giveWay();
    await this.#current?.leave();
  }

  async #leaveServer(): Promise<void> {
    const server = this.#server;
    this.#forgetServer();
    await server?.close();
  }

  async #shutDown(): Promise<void> {
    this.#closing.abort();
    this.#calls.hangUp();
    try {
      await this.#turns.pass(async () => {
        await this.#leaveCurrent();
        await this.#leaveServer();
      });
    } finally {
      await this.#parts.links.close();
      this.#parts.profile.release();
    }
  }

  // --- accounts -----------------------------------------------------------------------------------------------------

  async #enrol(
    method: 'account.register' | 'account.login',
    name: string,
    password: string,
    { signal }: CallOptions = {},
  ): Promise<{ user: string }> {
    return this.#turn(signal, async (stop) => {
      const server = this.#connected();
      if (server.user !== undefined) throw new ParleyError('ALREADY_LOGGED_IN', `already logged in as ${server.user}`);
      const deviceKey = Buffer.from(this.#parts.profile.keyPair.publicKey).toString('base64');
      // Whoever gives up waiting is logged in all the same when the server says so.
      const login = server.call(method, { name, password, deviceKey }, { timeoutMs: 60_000 }).then((reply) => {
        if (reply.user !== name) throw new ParleyError('INTERNAL', `the server takes us for ${reply.user}`);
        server.loggedIn(reply);
        this.#parts.links.useServer(server);
        return { user: reply.user };
      });
      return orAborted(login, stop);
    });
  }

  // --- the server ---------------------------------------------------------------------------------------------------

  #onServerState(state: ServerStateEvent['state']): void {
    if (state === 'lost') {
      this.#calls.hangUp();
      this.#parts.links.onServerLost();
    }
    this.#emit({ event: 'server', state });
    const path = this.#current?.isOpen === true ? this.#current.status().path : 'direct';
    if (state === 'lost' && path !== 'direct') {
      const what = path === 'gateway' ? 'said through the gateway' : 'relayed';
      this.#notices.emit({ level: 'info', text: `what is ${what} waits for the server` });
    }
    if (state === 'back' && path === 'gateway' && this.#server?.user === undefined) this.#current?.onServerGone();
  }

  #onServerEvent(event: ServerEvent): void {
    if (event.name === 'session.incoming') this.#onCall(event.params);
    // Also the last receipts for one that is being left.
    else if (event.name === 'gateway.frames') this.#engagement?.onServerEvent(event);
    else if (event.name === 'path.offered') this.#parts.links.onOffered(event.params);
    else if (event.name === 'relay.frames') this.#parts.links.carrier.handleFrames(event.params.frames);
    else if (event.name === 'session.cancelled') this.#calls.onCancelled(event.params.peer);
    else this.#current?.onServerEvent(event);
  }

  #onCall({ peer, door }: EventParams<'session.incoming'>): void {
    // We are calling each other: the server joins the two calls.
    if (this.#moving?.to === peer || this.#server?.user === undefined) return;
    const current = this.#current;
    const again = current instanceof Session && current.isOpen && current.name === peer ? current : undefined;
    const busy = this.#moving !== undefined || (current !== undefined && !again);
    this.#calls.onCall(peer, door === 'native' ? 'direct' : 'gateway', this.#surroundings(), again, busy);
  }

  /** After a reconnect: the server may be a new process, which knows nothing of what is open. */
  async #restore(): Promise<void> {
    await this.#debts.pay();
    this.#parts.links.useServer(this.#online());
    await this.#current?.restore();
  }

  #onServerGone(reason: ParleyError): void {
    if (reason instanceof ServerKeyChangedError) this.#trust.refusedServer(reason);
    this.#notices.emit({ level: 'warning', text: `disconnected for good: ${reason.message}` });
    this.#calls.hangUp();
    this.#forgetServer();
    this.#emit({ event: 'server', state: 'lost' });
    this.#current?.onServerGone();
  }

  #forgetServer(): void {
    this.#server = undefined;
    this.#debts.forget();
    void this.#parts.links.forgetServer();
  }

  #surroundings(): Surroundings {
    const server = this.#online();
    const { links, settings } = this.#parts;
    return {
      self: server.user,
      server,
      debts: this.#debts,
      trust: this.#trust,
      settings,
      openLink: (introduction, handlers) => {
        return links.open(introduction, server, this.#policyOf(introduction.peer), handlers);
      },
      useRelay: (introduction, grant) => {
        links.onGrant(introduction, grant);
      },
      emit: (event) => {
        this.#emit(event);
      },
      notice: (notice) => {
        this.#notices.emit(notice);
      },
    };
  }

  #policyOf(user: string): PathPolicy {
    const { profile, path } = this.#parts;
    return (this.#server && profile.paths.of(this.#server.address.text, user)) ?? path;
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

  #emit(event: ClientEvent): void {
    this.#events.emit(event);
  }
}

/** What cannot be a name is answered like a name that nobody has. */
function noSuchRoom(room: string): ParleyError {
  return new ParleyError('UNKNOWN_ROOM', `no room is named ${JSON.stringify(room)}`);
}
