/** Sits before a server as the way in, and keeps every byte of both directions. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export class TcpTap {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #chunks: Buffer[] = [];

  private constructor(port: number) {
    this.#server = createServer((client) => {
      const server = connect(port, '127.0.0.1');
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#sockets.add(from);
        from.on('data', (chunk) => {
          this.#chunks.push(chunk);
          to.write(chunk);
        });
        from.on('close', () => to.destroy());
        from.on('error', () => to.destroy());
      }
    });
  }

  static async before(port: number): Promise<TcpTap> {
    const tap = new TcpTap(port);
    await new Promise<void>((resolve) => tap.#server.listen(0, '127.0.0.1', resolve));
    return tap;
  }

  /** `host:port` to connect to. */
  get address(): string {
    return `127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
