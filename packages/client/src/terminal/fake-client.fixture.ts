/** Stand-ins for tests: a client without a network, a clock turned by hand, streams that remember. */
import { Writable } from 'node:stream';
import { ParleyError, type ErrorCode } from '@parley/protocol';
import type {
  CallOptions,
  ClientEvent,
  Diagnosis,
  FoundServer,
  Notice,
  ParleyClient,
  Path,
  PathPolicy,
  PathReport,
  PathTo,
  Status,
} from '../engine/api.js';
import type { Timer } from './timer.js';

/** Does what it is asked, remembers it, and fails where told. */
export class FakeClient implements ParleyClient {
  readonly calls: unknown[][] = [];
  /** Methods that fail, and how. */
  readonly failures = new Map<keyof ParleyClient, ErrorCode | Error>();
  /** Methods that wait until they are given up. */
  readonly hanging = new Set<keyof ParleyClient>();
  state: Status = { server: null, lostServer: null, user: null, conversation: null };
  readonly ownKey = 'key of this device';
  online = [
    { name: 'alice', door: 'native' },
    { name: 'bob', door: 'native' },
    { name: 'zed', door: 'line' },
  ];
  /** By which way conversations go from now on. */
  path: Path = 'direct';
  found: FoundServer[] = [];
  readonly policies = new Map<string, PathPolicy>();
  readonly reports = new Map<string, PathReport>();
  lastServer: string | null = null;
  roomList = [{ name: 'lobby', owner: 'alice', members: 2 }];
  members = ['alice', 'bob'];
  closed = false;
  #sent = 0;
  readonly #eventListeners = new Set<(event: ClientEvent) => void>();
  readonly #noticeListeners = new Set<(notice: Notice) => void>();

  emit(event: ClientEvent): void {
    for (const listener of this.#eventListeners) listener(event);
  }

  notify(notice: Notice): void {
    for (const listener of this.#noticeListeners) listener(notice);
  }

  async discover(options?: CallOptions) {
    await this.#called('discover', [], options);
    return this.found;
  }

  async connect(server: string, options?: CallOptions) {
    await this.#called('connect', [server], options);
    this.state = { ...this.state, server };
    return { server, fingerprint: 'AB:CD', firstContact: true };
  }

  async register(name: string, password: string, options?: CallOptions) {
    await this.#called('register', [name, password], options);
    this.state = { ...this.state, user: name };
    return { user: name };
  }

  async login(name: string, password: string, options?: CallOptions) {
    await this.#called('login', [name, password], options);
    this.state = { ...this.state, user: name };
    return { user: name };
  }

  async users(options?: CallOptions) {
    await this.#called('users', [], options);
    const accounts = this.online.filter(({ door }) => door === 'native');
    return [...accounts.map(({ name }) => ({ name, online: true })), { name: 'zoe', online: false }];
  }

  async connectedUsers(options?: CallOptions) {
    await this.#called('connectedUsers', [], options);
    return this.online;
  }

  async rooms(options?: CallOptions) {
    await this.#called('rooms', [], options);
    return this.roomList;
  }

  async roomMembers(room: string, options?: CallOptions) {
    await this.#called('roomMembers', [room], options);
    return { room, members: this.members };
  }

  async open(peer: string, options?: CallOptions) {
    await this.#called('open', [peer], options);
    const { path, reports } = this;
    this.state = {
      ...this.state,
      conversation: { kind: 'user', name: peer, path, rttMs: null, reports: new Map(reports), keys: null },
    };
    return { peer, path: this.path };
  }

  async enter(room: string, options?: CallOptions) {
    await this.#called('enter', [room], options);
    this.state = {
      ...this.state,
      conversation: { kind: 'room', name: room, path: this.path, rttMs: 1.5, reports: new Map(), keys: null },
    };
    return { room, owner: 'alice', members: this.members, path: this.path };
  }

  pathTo(user?: string): PathTo {
    const peer = user ?? this.state.conversation?.name;
    if (peer === undefined) throw new ParleyError('NO_CONVERSATION');
    return { peer, policy: this.policies.get(peer) ?? 'auto', report: this.reports.get(peer) ?? null };
  }

  setPathPolicy(user: string, policy: PathPolicy | null): void {
    if (policy === null) this.policies.delete(user);
    else this.policies.set(user, policy);
  }

  async diagnose(user?: string, options?: CallOptions): Promise<Diagnosis> {
    await this.#called('diagnose', user === undefined ? [] : [user], options);
    return {
      findings: [
        { check: 'server', state: 'ok', text: 'it answers' },
        { check: 'udp', state: 'problem', text: 'nothing comes back' },
      ],
      path: user === undefined ? null : this.pathTo(user),
    };
  }

  async send(text: string, options?: CallOptions) {
    await this.#called('send', [text], options);
    const { conversation } = this.state;
    if (!conversation) throw new ParleyError('NO_CONVERSATION');
    this.#sent += 1;
    return {
      id: `id-${String(this.#sent)}`,
      to: conversation.kind === 'user' ? [conversation.name] : ['bob', 'carol'],
    };
  }

  async leave(options?: CallOptions) {
    await this.#called('leave', [], options);
    this.state = { ...this.state, conversation: null };
  }

  async closeRoom(room: string, options?: CallOptions) {
    await this.#called('closeRoom', [room], options);
  }

  async accept(options?: CallOptions) {
    await this.#called('accept', [], options);
    return { peer: 'bob', path: this.path };
  }

  async decline(options?: CallOptions) {
    await this.#called('decline', [], options);
    return { peer: 'bob' };
  }

  async trust(subject: string) {
    await this.#called('trust', [subject]);
    return { trusted: subject, fingerprint: 'EF:01' };
  }

  status(): Status {
    return this.state;
  }

  keyOf(user: string): string | null {
    return user === 'zoe' ? null : `key of ${user}`;
  }

  async disconnect(options?: CallOptions) {
    await this.#called('disconnect', [], options);
    this.state = { server: null, lostServer: null, user: null, conversation: null };
  }

  async close() {
    await this.#called('close', []);
    this.closed = true;
  }

  onEvent(listener: (event: ClientEvent) => void): () => void {
    this.#eventListeners.add(listener);
    return () => this.#eventListeners.delete(listener);
  }

  onNotice(listener: (notice: Notice) => void): () => void {
    this.#noticeListeners.add(listener);
    return () => this.#noticeListeners.delete(listener);
  }

  events(): AsyncIterableIterator<ClientEvent> {
    throw new Error('the terminal listens with onEvent');
  }

  async #called(method: keyof ParleyClient, args: unknown[], options?: CallOptions): Promise<void> {
    this.calls.push([method, ...args]);
    if (this.hanging.has(method)) {
      await new Promise((_resolve, reject) => {
        options?.signal?.addEventListener('abort', () => {
          reject(new ParleyError('ABORTED'));
        });
      });
    }
    const failure = this.failures.get(method);
    if (failure !== undefined) throw typeof failure === 'string' ? new ParleyError(failure) : failure;
  }
}

/** Relayed, after one address of the peer was tried in vain. */
export const relayedReport: PathReport = reportOf(
  { state: 'relayed', reason: { kind: 'unanswered' } },
  {
    ...{ address: { address: 'relay', port: 5 }, kind: 'relay', scope: 'relay', sent: 1, answered: 1 },
    ...{ rttMs: 31.25, loss: 0.0125, isPath: true, why: 'path' },
  },
  {
    ...{ address: { address: '203.0.113.9', port: 41_000 }, kind: 'reflexive', scope: 'public', sent: 7, answered: 0 },
    ...{ rttMs: undefined, loss: undefined, isPath: false, why: 'unanswered' },
  },
);

function reportOf(verdict: PathReport['verdict'], ...pairs: PathReport['pairs']): PathReport {
  return {
    ...{ policy: 'auto', role: 'controlling', verdict, path: pairs.find(({ isPath }) => isPath), pairs },
    own: { mapping: 'endpoint-independent', filtering: 'address-and-port-dependent', isUdpBlocked: false },
    peer: { mapping: 'endpoint-independent', filtering: undefined, isUdpBlocked: false },
    ...{ ownFamilies: [4], peerFamilies: [4], refused: 0, birthday: 'idle', isChecking: false },
  };
}

/** A clock that stands still until it is turned. It begins at 09:05, local time. */
export class ManualTimer implements Timer {
  #nowMs = new Date(2026, 0, 2, 9, 5).getTime();
  #waiting: { readonly dueMs: number; readonly callback: () => void }[] = [];

  now(): Date {
    return new Date(this.#nowMs);
  }

  after(delayMs: number, callback: () => void): () => void {
    const entry = { dueMs: this.#nowMs + delayMs, callback };
    this.#waiting.push(entry);
    return () => {
      this.#waiting = this.#waiting.filter((each) => each !== entry);
    };
  }

  /** How long until the next callback, or undefined. */
  get nextMs(): number | undefined {
    return this.#waiting.length === 0 ? undefined : Math.min(...this.#waiting.map(({ dueMs }) => dueMs)) - this.#nowMs;
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    const due = this.#waiting.filter(({ dueMs }) => dueMs <= this.#nowMs);
    this.#waiting = this.#waiting.filter(({ dueMs }) => dueMs > this.#nowMs);
    for (const { callback } of due) callback();
  }
}

/** Remembers what was written. */
export class Written extends Writable {
  text = '';

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }

  get json(): unknown[] {
    return this.lines.map((line) => JSON.parse(line) as unknown);
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

/** Lets everything that is ready to run do so: promises, and streams behind them. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
}
