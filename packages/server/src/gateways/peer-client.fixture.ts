/** A client of the peer directory, as tests need one: its connections, and the socket that others call it on. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { encodePeerMessage, PeerMessageDecoder, type PeerMessage } from '@parley/gateways';

/** One connection: says messages or bytes, and waits for what comes. */
export class PeerWire {
  readonly socket: Socket;
  readonly #decoder = new PeerMessageDecoder();
  readonly #come: (PeerMessage | 'closed')[] = [];
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      for (const decoded of this.#decoder.push(bytes)) {
        if ('problem' in decoded) throw new Error(decoded.problem);
        this.#come.push(decoded.message);
      }
      this.#wake();
    });
    socket.on('close', () => {
      this.#come.push('closed');
      this.#wake();
    });
  }

  static to(port: number, localAddress = '127.0.0.1'): PeerWire {
    return new PeerWire(connect({ host: '127.0.0.1', port, localAddress }));
  }

  say(...messages: PeerMessage[]): void {
    this.bytes(...messages.map(encodePeerMessage));
  }

  bytes(...pieces: Uint8Array[]): void {
    this.socket.write(Buffer.concat(pieces));
  }

  /** The next message, or `closed`. */
  async next(): Promise<PeerMessage | 'closed'> {
    for (;;) {
      const first = this.#come.shift();
      if (first) return first;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async ask(...messages: PeerMessage[]): Promise<PeerMessage | 'closed'> {
    this.say(...messages);
    return this.next();
  }
}

/** Where a client is called. */
export class PeerPhone {
  readonly #server: Server;
  readonly #calls: PeerWire[] = [];
  readonly #all: PeerWire[] = [];
  #wake: () => void = () => undefined;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => {
      const wire = new PeerWire(socket);
      this.#calls.push(wire);
      this.#all.push(wire);
      this.#wake();
    });
  }

  static async at(port: number): Promise<PeerPhone> {
    const server = createServer().listen({ host: '127.0.0.1', port });
    await once(server, 'listening');
    return new PeerPhone(server);
  }

  async call(): Promise<PeerWire> {
    for (;;) {
      const first = this.#calls.shift();
      if (first) return first;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    this.#server.close();
    for (const { socket } of this.#all) socket.destroy();
  }
}

/** Each test process at once with others picks from so many ports of its own; none of them is handed out by the system itself. */
const [firstPort, portsEach, shares] = [10_000, 1_000, 22];

/** The first of so many ports that are all free now, and some behind them that no other test process picks. */
export async function freePorts(count: number): Promise<number> {
  const share = (Number(process.env['JEST_WORKER_ID'] ?? 1) - 1) % shares;
  for (;;) {
    const first = firstPort + share * portsEach + Math.floor((Math.random() * portsEach) / 2);
    const servers: Server[] = [];
    try {
      for (let port = first; port < first + count; port += 1) {
        const server = createServer().listen({ host: '127.0.0.1', port });
        servers.push(server);
        await once(server, 'listening');
        if ((server.address() as AddressInfo).port !== port) throw new Error('another port');
      }
      return first;
    } catch {
      // Somebody has one of them.
    } finally {
      await Promise.all(
        servers.filter(({ listening }) => listening).map((server) => new Promise((resolve) => server.close(resolve))),
      );
    }
  }
}
