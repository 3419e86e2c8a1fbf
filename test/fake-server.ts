/** A server that says what a test wants, over real TCP without TLS. */
import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

type Params = Readonly<Record<string, unknown>>;
/** What to answer; undefined: nothing, ever. */
type Answer = Params | { readonly error: string } | undefined;
export type Behaviour = Readonly<
  Record<string, (params: Params, connection: FakeConnection) => Answer | Promise<Answer>>
>;

export const random = (bytes: number): string => randomBytes(bytes).toString('base64');
export const newId = (): string => randomBytes(16).toString('hex');

export class FakeConnection {
  readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  notify(method: string, params: Params): void {
    this.write({ jsonrpc: '2.0', method, params });
  }

  write(value: unknown): void {
    this.socket.write(`${JSON.stringify(value)}\n`);
  }
}

/** What a well-meaning server would answer. */
const kind: Behaviour = {
  'server.hello': () => ({ protocol: 1, agent: 'fake', stunPort: 9, pingIntervalMs: 20_000 }),
  'server.ping': () => ({}),
  'account.login': ({ name }) => ({ user: name as string, resumeToken: random(32) }),
  'account.resume': () => ({ user: 'alice' }),
  'account.logout': () => ({}),
  'path.offer': () => ({}),
  'user.find': ({ name }) => ({ name: name as string, online: true }),
  'session.restore': () => ({}),
  'session.close': () => ({}),
  'room.enter': ({ room }) => ({
    room: room as string,
    id: newId(),
    owner: 'alice',
    members: ['alice'],
    introductions: [],
  }),
  'room.leave': () => ({}),
};

export class FakeServer {
  /** Changed by the test as it goes. */
  behaviour: Behaviour;
  /** Every request, in order. */
  readonly requests: { readonly method: string; readonly params: Params }[] = [];
  readonly connections: FakeConnection[] = [];
  readonly #server: Server;

  private constructor(behaviour: Behaviour) {
    this.behaviour = behaviour;
    this.#server = createServer((socket) => {
      this.#serve(socket);
    });
  }

  static async start(behaviour: Behaviour = {}): Promise<FakeServer> {
    const fake = new FakeServer(behaviour);
    await new Promise<void>((resolve) => fake.#server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get address(): string {
    return `127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
  }

  /** The connection made last. */
  get latest(): FakeConnection {
    const connection = this.connections.at(-1);
    if (!connection) throw new Error('nobody has connected');
    return connection;
  }

  get open(): FakeConnection[] {
    return this.connections.filter(({ socket }) => !socket.destroyed);
  }

  paramsOf(method: string): Params[] {
    return this.requests.filter((request) => request.method === method).map(({ params }) => params);
  }

  /** Cuts all connections, as a restart would. */
  cut(): void {
    for (const { socket } of this.connections) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket): void {
    const connection = new FakeConnection(socket);
    this.connections.push(connection);
    let held = '';
    socket.setEncoding('utf8').on('data', (text) => {
      const lines = (held + String(text)).split('\n');
      held = lines.pop() ?? '';
      for (const line of lines) void this.#answer(connection, line);
    });
    socket.on('error', () => socket.destroy());
  }

  async #answer(connection: FakeConnection, line: string): Promise<void> {
    const { id, method, params } = JSON.parse(line) as { id: number; method: string; params: Params };
    this.requests.push({ method, params });
    const answer = await (this.behaviour[method] ?? kind[method])?.(params, connection);
    if (answer === undefined || connection.socket.destroyed) return;
    if (typeof answer['error'] === 'string') {
      const error = { code: 1, message: answer['error'], data: { code: answer['error'] } };
      connection.write({ jsonrpc: '2.0', id, error });
    } else {
      connection.write({ jsonrpc: '2.0', id, result: answer });
    }
  }
}

/** An introduction to a device that is not there. */
export function introductionTo(peer: string, role: 'initiator' | 'responder' = 'initiator'): Params {
  const candidates = [{ kind: 'host', address: '127.0.0.1', port: 9 }];
  return { via: 'device', id: newId(), peer, deviceKey, psk: random(32), role, candidates };
}

/** An introduction to a user of an older system. */
export function gatewayIntroductionTo(peer: string, id = newId()): Params & { readonly id: string } {
  return { via: 'gateway', id, peer, door: 'line' };
}

/** The base point's double would do as well; any point that is no trap. */
const deviceKey = Buffer.from('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c', 'hex').toString(
  'base64',
);
