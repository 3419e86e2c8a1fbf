/** Sockets beside the one: for birthday punching only, where a NAT is to have many ports open at once. */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { routeOf, spareAddress, type Address } from '@parley/rendezvous';

export interface SpareSocketsOptions {
  /** The address that the one socket is bound to. */
  readonly host: string;
  /** The bytes are good during the call. */
  receive(bytes: Uint8Array, from: Address): void;
  /** More than are ever open; `lastSpareNumber` unless told. */
  readonly lastNumber?: number;
}

/** A number has five digits at most in an address (`via-N`); after the last they begin again. */
export const lastSpareNumber = 99_999;

export class SpareSockets {
  readonly #options: SpareSocketsOptions;
  /** Also those that are still being bound. */
  readonly #sockets = new Map<number, Socket>();
  #last = 0;

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
    if (route.kind !== 'spare' || route.to.port < 1 || route.to.port > 65_535) return;
    const socket = this.#sockets.get(route.socket);
    // The transport uses its buffer again, and a socket that is busy would send what is then in it.
    socket?.send(new Uint8Array(bytes), route.to.port, mapped(route.to.address, this.#isIpv6), () => undefined);
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
    const number = this.#freeNumber();
    const socket = createSocket(this.#isIpv6 ? 'udp6' : 'udp4');
    this.#sockets.set(number, socket);
    return new Promise((resolve) => {
      // Too many are open, or the system takes this one away.
      socket.on('error', () => {
        if (this.#sockets.get(number) === socket) this.close(number);
      });
      socket.on('close', () => {
        resolve(undefined);
      });
      socket.on('message', (bytes, { address, port }) => {
        // Nobody can be answered there.
        if (port === 0) return;
        const from = { address: address.replace(/^::ffff:(?=\d+\.)/, ''), port };
        this.#options.receive(bytes, spareAddress(number, from));
      });
      socket.bind({ port: 0, address: this.#options.host, exclusive: true }, () => {
        resolve(number);
      });
    });
  }

  #freeNumber(): number {
    const { lastNumber = lastSpareNumber } = this.#options;
    do this.#last = (this.#last % lastNumber) + 1;
    while (this.#sockets.has(this.#last));
    return this.#last;
  }
}

function mapped(address: string, isIpv6: boolean): string {
  return isIpv6 && !isIPv6(address) ? `::ffff:${address}` : address;
}
