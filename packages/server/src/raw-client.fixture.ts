import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';

export interface Reply {
  id: number | string | null;
  result?: Record<string, unknown>;
  error?: { code: number; message: string; data: { code: string; retryAfterMs?: number } };
}

interface Notification {
  method: string;
  params: Record<string, unknown>;
}

/** Speaks lines to the control port and hides nothing: for honest and for hostile clients in tests. */
export class RawClient {
  readonly socket: Socket;
  /** Settles when the connection is closed, however. */
  readonly closed: Promise<void>;
  #text = '';
  #lines: unknown[] = [];
  #waiting: (() => void)[] = [];
  #nextId = 1;
  #ended = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      const lines = (this.#text + chunk).split('\n');
      this.#text = lines.pop() ?? '';
      this.#lines.push(...lines.map((line) => JSON.parse(line) as unknown));
      this.#wake();
    });
    // A server that cuts a hostile client resets the connection.
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#ended = true;
        this.#wake();
        resolve();
      });
    });
  }

  static async open(port: number): Promise<RawClient> {
    const socket = connect({ host: '127.0.0.1', port });
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  static async openTls(port: number, options: ConnectionOptions = {}): Promise<RawClient> {
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
    await once(socket, 'secureConnect');
    return new RawClient(socket);
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Sends a request without waiting; `id` of the reply is returned. */
  ask(method: string, params: unknown = {}): number {
    const id = this.#nextId;
    this.#nextId += 1;
    this.send(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
    return id;
  }

  /** Sends a request and gives its result, or fails with `{code}` of its error. */
  async call(method: string, params: unknown = {}): Promise<Record<string, unknown>> {
    const { result, error } = await this.reply(this.ask(method, params));
    if (result) return result;
    throw Object.assign(new Error(error?.message), { code: error?.data.code, retryAfterMs: error?.data.retryAfterMs });
  }

  reply(id: number | string | null): Promise<Reply> {
    return this.#take((line) => 'id' in (line as object) && (line as Reply).id === id) as Promise<Reply>;
  }

  /** The parameters of the next notification of that name. */
  async event(name: string): Promise<Record<string, unknown>> {
    return ((await this.#take((line) => (line as Notification).method === name)) as Notification).params;
  }

  /** What comes next, whatever it is. */
  next(): Promise<unknown> {
    return this.#take(() => true);
  }

  /** What came and was not taken. */
  get untaken(): readonly unknown[] {
    return this.#lines;
  }

  async register(name: string, password = `password of ${name}`): Promise<{ user: string; resumeToken: string }> {
    return (await this.call('account.register', { name, password, deviceKey })) as never;
  }

  async #take(matches: (line: unknown) => boolean): Promise<unknown> {
    for (;;) {
      const at = this.#lines.findIndex(matches);
      if (at !== -1) return this.#lines.splice(at, 1)[0];
      if (this.#ended) throw new Error('the connection was closed');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

export const deviceKey = `${'A'.repeat(43)}=`;
