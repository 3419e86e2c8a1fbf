/** A real server and real clients in this process, over real sockets, with short waits. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createClient,
  type ClientEvent,
  type ClientOptions,
  type EngineSettings,
  type ParleyClient,
} from '@parley/client';
import { startServer, type RunningServer, type StartOptions } from '@parley/server';

export const password = 'correct-horse';

/** Long enough for a busy machine, short enough to fail in a test's time. */
const patienceMs = 15_000;

export class World {
  readonly folder = mkdtempSync(join(tmpdir(), 'parley-test-'));
  readonly #people: Person[] = [];
  #server: RunningServer | undefined;
  #port = 0;

  get server(): RunningServer {
    if (!this.#server) throw new Error('no server runs');
    return this.#server;
  }

  /** `host:port` to connect to. */
  get address(): string {
    return `127.0.0.1:${String(this.#port)}`;
  }

  /** Starts the server; again on the same port and data after a stop. */
  async startServer(options: Partial<StartOptions> = {}): Promise<RunningServer> {
    this.#server = await startServer({
      dataDirectory: join(this.folder, 'server'),
      host: '127.0.0.1',
      port: this.#port,
      bcryptCost: 4,
      ...options,
    });
    this.#port = this.#server.control.port;
    return this.#server;
  }

  async stopServer(): Promise<void> {
    await this.#server?.stop();
    this.#server = undefined;
  }

  /**
   * A client that is not connected yet. It waits as long as a busy machine takes for a direct path, which all have here
   * unless a test forbids it: such a test says how long.
   */
  async person(
    home: string,
    options: Partial<ClientOptions> = {},
    settings: Partial<EngineSettings> = {},
  ): Promise<Person> {
    const client = await createClient({
      home: join(this.folder, home),
      bind: '127.0.0.1',
      ...options,
      settings: { reconnectMinMs: 20, reconnectMaxMs: 200, settleMs: patienceMs, ...settings },
    });
    const person = new Person(home, client);
    this.#people.push(person);
    return person;
  }

  /** A client that is registered and logged in. */
  async member(
    name: string,
    options: Partial<ClientOptions> = {},
    settings: Partial<EngineSettings> = {},
  ): Promise<Person> {
    const person = await this.person(name, options, settings);
    await person.client.connect(this.address);
    await person.client.register(name, password);
    return person;
  }

  /** Waits until the server lists no session; clients tell it after they have told their users. */
  async noSessions(): Promise<void> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const { data } = (await this.server.execute('ls')) as { data: { sessions: unknown[] } };
      if (data.sessions.length === 0) return;
      if (performance.now() > deadline) throw new Error(`still there: ${JSON.stringify(data)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#people.map(({ client }) => client.close()));
    await this.stopServer();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

type Fields = Readonly<Record<string, unknown>>;

export class Person {
  readonly name: string;
  readonly client: ParleyClient;
  /** Everything that was told and not yet waited for. */
  readonly unseen: ClientEvent[] = [];
  readonly notices: string[] = [];
  #wake: () => void = () => undefined;

  constructor(name: string, client: ParleyClient) {
    this.name = name;
    this.client = client;
    client.onEvent((event) => {
      this.unseen.push(event);
      this.#wake();
    });
    client.onNotice(({ text }) => this.notices.push(text));
  }

  /** The next event with these fields; those that came before it stay to be waited for. */
  async next<E extends ClientEvent['event']>(
    event: E,
    fields: Fields = {},
  ): Promise<Extract<ClientEvent, { event: E }>> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const at = this.unseen.findIndex((seen) => fits(seen, { event, ...fields }));
      const [found] = at === -1 ? [] : this.unseen.splice(at, 1);
      if (found) return found as Extract<ClientEvent, { event: E }>;
      const left = deadline - performance.now();
      if (left <= 0) {
        const wanted = JSON.stringify({ event, ...fields });
        throw new Error(`${this.name} waited in vain for ${wanted}; has seen ${JSON.stringify(this.unseen)}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Sends, and waits until `to` have it. */
  async say(text: string, ...to: string[]): Promise<string> {
    const { id } = await this.client.send(text);
    for (const name of to) await this.next('receipt', { id, to: name, state: 'delivered' });
    return id;
  }

  saw(event: ClientEvent['event'], fields: Fields = {}): boolean {
    return this.unseen.some((seen) => fits(seen, { event, ...fields }));
  }
}

function fits(event: ClientEvent, fields: Fields): boolean {
  return Object.entries(fields).every(([name, value]) => (event as unknown as Fields)[name] === value);
}

/** Looks again and again, for a bounded time. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** What a rejection carries. */
export function withCode(code: string): { code: string } {
  return { code };
}
