/** Sockets beside the one: for birthday punching only, where a NAT is to have many ports open at once. */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { routeOf, spareAddress, type Address } from '@parley/rendezvous';

export interface SpareSocketsOptions {
  /** The address that the one socket is bound to. */
  readonly host: string;
  /** The bytes are good during the call. */
  receive(bytes: Uint8Array, from: Address): void;
}

export class SpareSockets {
  readonly #options: SpareSocketsOptions;
  readonly #sockets = new Map<number, Socket>();
  #next = 1;

  constructor(options: SpareSocketsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#sockets.size;
  }

  /** @returns the numbers of those that could be opened: the system may have no more */
  async open(count: number): Promise<number[]> {
    const opened = await Promise.all(Array.from({ length: count }, () => this.#openOne()));
    return opened.filter((number) => number !== undefined);
  }

  /** @param to an address `via-N ...`; what cannot be sent is lost */
  send(bytes: Uint8Array, to: Address): void {
    const route = routeOf(to);
    if (route.kind !== 'spare') return;
    const socket = this.#sockets.get(route.socket);
    // The transport uses its buffer again, and a socket that is busy would send what is then in it.
    socket?.send(bytes.slice(), route.to.port, mapped(route.to.address, this.#isIpv6), () => undefined);
  }

  close(number: number): void {
    this.#sockets.get(number)?.close();
    this.#sockets.delete(number);
  }

  closeAll(): void {
    for (const number of [...this.#sockets.keys()]) this.close(number);
  }

  get #isIpv6(): boolean {
    return isIPv6(this.#options.host);
  }

  #openOne(): Promise<number | undefined> {
    const number = this.#next++;
    const socket = createSocket(this.#isIpv6 ? 'udp6' : 'udp4');
    return new Promise((resolve) => {
      socket.on('error', () => {
        // Too many are open, or the system takes this one away: it counts as closed.
        this.#sockets.delete(number);
        socket.removeAllListeners('message');
        resolve(undefined);
      });
      socket.on('message', (bytes, { address, port }) => {
        const from = { address: address.replace(/^::ffff:(?=\d+\.)/, ''), port };
        this.#options.receive(bytes, spareAddress(number, from));
      });
      socket.bind({ port: 0, address: this.#options.host, exclusive: true }, () => {
        this.#sockets.set(number, socket);
        resolve(number);
      });
    });
  }
}

function mapped(address: string, isIpv6: boolean): string {
  return isIpv6 && !isIPv6(address) ? `::ffff:${address}` : address;
}
