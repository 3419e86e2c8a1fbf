import type { EventName, EventParams } from '@parley/protocol';
import { Messenger } from './messenger.js';
import type {
  Account,
  AccountRepository,
  Background,
  Clock,
  Connection,
  EnrolledDevice,
  HashingClient,
  PasswordHasher,
  RandomSource,
  RelayChannel,
  RelayChannels,
  ResumeTokenRepository,
  Room,
  RoomRepository,
} from './ports.js';
import type { DeviceUser } from './presence.js';
import type { DomainSettings } from './settings.js';

/** Time goes on only when a test says so. */
class FakeClock implements Clock {
  #now = 1_700_000_000_000;
  #timers: { at: number; action: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(delayMs: number, action: () => void): () => void {
    const timer = { at: this.#now + delayMs, action };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  get pendingTimers(): number {
    return this.#timers.length;
  }

  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#now = due.at;
      due.action();
    }
    this.#now = until;
  }
}

class FakeRandom implements RandomSource {
  #count = 0;

  id(): string {
    this.#count += 1;
    return this.#count.toString(16).padStart(32, '0');
  }

  secret(): string {
    this.#count += 1;
    return `${String(this.#count).padStart(42, 'A')}A=`;
  }
}

/** Remembers what the server said on it; `take` gives what came since the last time. */
export class FakeConnection implements Connection {
  readonly address = '192.0.2.1';
  readonly port: number;
  closed = false;
  #events: [EventName, unknown][] = [];

  constructor(port: number) {
    this.port = port;
  }

  notify<E extends EventName>(event: E, params: EventParams<E>): void {
    if (!this.closed) this.#events.push([event, params]);
  }

  close(): void {
    this.closed = true;
  }

  take(): [EventName, unknown][] {
    const events = this.#events;
    this.#events = [];
    return events;
  }
}

class MemoryAccounts implements AccountRepository {
  readonly rows = new Map<string, Account>();

  insert(account: Account): Promise<boolean> {
    const free = !this.rows.has(account.name);
    if (free) this.rows.set(account.name, account);
    return Promise.resolve(free);
  }

  find(name: string): Promise<Account | undefined> {
    return Promise.resolve(this.rows.get(name));
  }

  replaceHash(name: string, oldHash: string, newHash: string): Promise<void> {
    const row = this.rows.get(name);
    if (row?.passwordHash === oldHash) this.rows.set(name, { ...row, passwordHash: newHash });
    return Promise.resolve();
  }

  namesAfter(after: string | undefined, limit: number): Promise<string[]> {
    return Promise.resolve(namesBehind(this.rows, after, limit));
  }
}

class MemoryRooms implements RoomRepository {
  readonly rows = new Map<string, Room>();

  insert(room: Room, maxOwned: number): Promise<'inserted' | 'exists' | 'limit'> {
    if (this.rows.has(room.name)) return Promise.resolve('exists');
    const owned = [...this.rows.values()].filter(({ owner }) => owner === room.owner).length;
    if (owned >= maxOwned) return Promise.resolve('limit');
    this.rows.set(room.name, room);
    return Promise.resolve('inserted');
  }

  find(name: string): Promise<Room | undefined> {
    return Promise.resolve(this.rows.get(name));
  }

  delete(room: Room): Promise<void> {
    if (this.rows.get(room.name)?.id === room.id) this.rows.delete(room.name);
    return Promise.resolve();
  }

  roomsAfter(after: string | undefined, limit: number): Promise<Room[]> {
    return Promise.resolve(
      namesBehind(this.rows, after, limit).flatMap((name) => {
        const room = this.rows.get(name);
        return room ? [room] : [];
      }),
    );
  }
}

class MemoryResumeTokens implements ResumeTokenRepository {
  rows = new Map<string, EnrolledDevice>();

  insert(token: string, device: EnrolledDevice): Promise<void> {
    for (const [other, { user, deviceKey }] of this.rows) {
      if (user === device.user && deviceKey === device.deviceKey) this.rows.delete(other);
    }
    this.rows.set(token, device);
    return Promise.resolve();
  }

  find(token: string): Promise<EnrolledDevice | undefined> {
    return Promise.resolve(this.rows.get(token));
  }

  touch(token: string, usedAt: number): Promise<void> {
    const row = this.rows.get(token);
    if (row) this.rows.set(token, { ...row, usedAt });
    return Promise.resolve();
  }

  delete(user: string, deviceKey: string): Promise<void> {
    this.rows = new Map([...this.rows].filter(([, device]) => device.user !== user || device.deviceKey !== deviceKey));
    return Promise.resolve();
  }

  deleteUnusedSince(time: number): Promise<void> {
    this.rows = new Map([...this.rows].filter(([, device]) => device.usedAt >= time));
    return Promise.resolve();
  }
}

/** Says what it was asked, and lets a test hold a hash back. */
class FakeHasher implements PasswordHasher {
  readonly verified: [string, string | undefined][] = [];
  lastClient: HashingClient | undefined;
  outdated = false;
  #held: (() => void)[] = [];
  #holding = false;

  async hash(password: string, client: HashingClient): Promise<string> {
    this.lastClient = client;
    if (this.#holding) await new Promise<void>((resolve) => this.#held.push(resolve));
    return `${this.outdated ? 'new' : 'hash'}:${password}`;
  }

  verify(password: string, hash: string | undefined): Promise<{ matches: boolean; outdated: boolean }> {
    this.verified.push([password, hash]);
    const matches = hash === `hash:${password}` || hash === `new:${password}`;
    return Promise.resolve({ matches, outdated: matches && this.outdated });
  }

  hold(): void {
    this.#holding = true;
  }

  release(): void {
    this.#holding = false;
    for (const go of this.#held.splice(0)) go();
  }
}

/** Channels numbered from 1; those that are open, with their users. */
class FakeRelay implements RelayChannels {
  readonly open = new Map<number, readonly [string, string]>();
  isFull = false;
  #count = 0;

  draw(): RelayChannel {
    this.#count += 1;
    const token = (side: string): string => `${side}${String(this.#count).padStart(41, 'A')}A=`;
    return { number: this.#count, tokens: [token('I'), token('R')] };
  }

  allow({ number }: RelayChannel, users: readonly [string, string]): boolean {
    if (!this.isFull) this.open.set(number, users);
    return !this.isFull;
  }

  revoke(number: number): void {
    this.open.delete(number);
  }
}

/** Keeps what was begun, for a test to wait for. */
class FakeBackground implements Background {
  #begun: Promise<void>[] = [];

  run(_what: string, work: () => Promise<void>): void {
    this.#begun.push(work());
  }

  async ended(): Promise<void> {
    await Promise.all(this.#begun);
  }
}

/** A messenger with nothing real around it, and people to try it with. */
export class FakeWorld {
  readonly clock = new FakeClock();
  readonly random = new FakeRandom();
  readonly accounts = new MemoryAccounts();
  readonly rooms = new MemoryRooms();
  readonly resumeTokens = new MemoryResumeTokens();
  readonly passwords = new FakeHasher();
  readonly background = new FakeBackground();
  readonly relay = new FakeRelay();
  readonly messenger: Messenger;
  #ports = 0;

  constructor(settings: Partial<DomainSettings> = {}) {
    this.messenger = new Messenger(this, settings);
  }

  connect(): FakeConnection {
    this.#ports += 1;
    const connection = new FakeConnection(this.#ports);
    this.messenger.connected(connection);
    return connection;
  }

  /** Registers and logs in, with `<name> device` as the device key. */
  async join(name: string): Promise<Person> {
    const connection = this.connect();
    const { resumeToken } = await this.messenger.accounts.register(connection, {
      name,
      password: `password of ${name}`,
      deviceKey: `${name} device`,
    });
    return { name, connection, resumeToken, user: this.userOn(connection) };
  }

  async joinAll<const N extends readonly string[]>(...names: N): Promise<{ [K in keyof N]: Person }> {
    const people: Person[] = [];
    for (const name of names) people.push(await this.join(name));
    return people as { [K in keyof N]: Person };
  }

  /** Comes back on a new connection by resume token. */
  async resume(person: Person): Promise<Person> {
    const connection = this.connect();
    await this.messenger.accounts.resume(connection, person.resumeToken);
    return { ...person, connection, user: this.userOn(connection) };
  }

  breakConnection(person: Person): void {
    person.connection.closed = true;
    this.messenger.disconnected(person.connection);
  }

  userOn(connection: FakeConnection): DeviceUser {
    const user = this.messenger.userOn(connection);
    if (!user) throw new Error('nobody is logged in here');
    return user;
  }
}

export interface Person {
  readonly name: string;
  readonly connection: FakeConnection;
  readonly resumeToken: string;
  readonly user: DeviceUser;
}

function namesBehind(rows: ReadonlyMap<string, unknown>, after: string | undefined, limit: number): string[] {
  return [...rows.keys()]
    .sort()
    .filter((name) => after === undefined || name > after)
    .slice(0, limit);
}
