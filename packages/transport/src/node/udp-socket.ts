/** A bound dgram socket that speaks both IP versions where it can. */
import { createSocket, type Socket, type SocketOptions } from 'node:dgram';
import { isIPv4, isIPv6 } from 'node:net';
import type { Address } from '../address.js';
import { TransportError } from '../errors.js';

/** The default loses 2 % of a burst; the system may give less. */
const receiveBufferBytes = 4 * 1024 * 1024;
const mappedPrefix = '::ffff:';
/** Of what the system has not taken, with its own buffer full; more is lost, as it might be on the way. */
const mostQueuedBytes = 256 * 1024;

export interface UdpSocketOptions {
  /** An IP address; without it all of both versions. */
  readonly host?: string | undefined;
  readonly port: number;
  readonly onDatagram: (bytes: Uint8Array, from: Address) => void;
  readonly onError: (error: Error) => void;
  /** `isFull` was true; the system has taken all that waited. */
  readonly onRoom: () => void;
}

/** Makes a socket of the system, not bound; `createSocket` of node:dgram. */
export type SocketMaker = (options: SocketOptions) => Socket;

type Family = 'udp4' | 'udp6';

export class UdpSocket {
  readonly #socket: Socket;
  readonly #family: Family;
  /** Bound to `::`, which also takes IPv4 in its mapped form. */
  readonly #dualStack: boolean;
  /** Most datagrams come from where the one before came from, and go to where the one before went. */
  #lastSource: Address = { address: '', port: 0 };
  #lastSourceText = '';
  #lastTarget: Address | undefined;
  #lastDestination: string | undefined;
  #closed = false;
  /** The system had something waiting when it was asked last. */
  #mayBeQueued = false;
  #isFull = false;
  readonly #onRoom: () => void;

  private constructor(socket: Socket, family: Family, dualStack: boolean, options: UdpSocketOptions) {
    this.#socket = socket;
    this.#family = family;
    this.#dualStack = dualStack;
    this.#onRoom = options.onRoom;
    socket.on('error', options.onError);
    socket.on('message', (bytes, { address, port }) => {
      // Nobody can be answered there.
      if (port === 0) return;
      options.onDatagram(bytes, this.#source(address, port));
    });
  }

  /** @throws TransportError SOCKET_UNUSABLE */
  static async bind(options: UdpSocketOptions, makeSocket: SocketMaker = createSocket): Promise<UdpSocket> {
    const { host, port } = options;
    if (host !== undefined && !isIPv4(host) && !isIPv6(host)) {
      throw new TransportError('SOCKET_UNUSABLE', 'a UDP socket is bound to an IP address');
    }
    const attempts: [Family, string, boolean][] =
      host === undefined
        ? [
            ['udp6', '::', true],
            ['udp4', '0.0.0.0', false],
          ]
        : [isIPv4(host) ? ['udp4', host, false] : ['udp6', host, host === '::']];
    let cause: unknown;
    for (const [family, address, dualStack] of attempts) {
      try {
        const socket = await bound(makeSocket, family, address, port, dualStack);
        return new UdpSocket(socket, family, dualStack, options);
      } catch (error) {
        cause = error;
        if (!isFamilyMissing(error)) break;
      }
    }
    throw new TransportError('SOCKET_UNUSABLE', `cannot bind UDP ${host ?? '*'}:${String(port)}`, { cause });
  }

  get localAddress(): Address {
    const { address, port } = this.#socket.address();
    return { address: unmapped(address), port };
  }

  /** So much waits for the system that all more is lost; `onRoom` tells when it is not. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /**
   * Sends and forgets: what the system refuses (no route, a firewall) is lost, as it might be on the way. So is what
   * goes to an IP version that this socket does not speak, and all while `isFull`.
   * @returns whether the bytes may be overwritten now; if not, the system could not take them yet
   */
  send(bytes: Uint8Array, to: Address): boolean {
    if (to !== this.#lastTarget) {
      this.#lastTarget = to;
      this.#lastDestination = to.port < 1 || to.port > 65_535 ? undefined : this.#destination(to.address);
    }
    const address = this.#lastDestination;
    if (this.#closed || this.#isFull || address === undefined) return true;
    if (this.#mayBeQueued && this.#socket.getSendQueueCount() > 0) {
      this.#queue(bytes.slice(), to.port, address);
      return true;
    }
    // Without a callback errors are not told, which is what is wanted here, and a datagram costs less.
    this.#socket.send(bytes, to.port, address);
    this.#mayBeQueued = this.#socket.getSendQueueCount() > 0;
    return !this.#mayBeQueued;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await new Promise<void>((resolve) => {
      this.#socket.close(resolve);
    });
  }

  /** Behind what waits already. */
  #queue(copy: Uint8Array, port: number, address: string): void {
    if (this.#socket.getSendQueueSize() + copy.length <= mostQueuedBytes) {
      this.#socket.send(copy, port, address);
      return;
    }
    this.#isFull = true;
    // What waits leaves in its order: once this is gone, whether sent or refused, nothing waits.
    this.#socket.send(copy, port, address, () => {
      this.#isFull = false;
      if (!this.#closed) this.#onRoom();
    });
  }

  #source(address: string, port: number): Address {
    const last = this.#lastSource;
    if (this.#lastSourceText === address && last.port === port) return last;
    this.#lastSourceText = address;
    this.#lastSource = { address: unmapped(address), port };
    return this.#lastSource;
  }

  #destination(address: string): string | undefined {
    if (isIPv4(address)) {
      if (this.#family === 'udp4') return address;
      return this.#dualStack ? mappedPrefix + address : undefined;
    }
    return this.#family === 'udp6' && isIPv6(address) ? address : undefined;
  }
}

async function bound(
  makeSocket: SocketMaker,
  family: Family,
  address: string,
  port: number,
  dualStack: boolean,
): Promise<Socket> {
  const socket = makeSocket({
    type: family,
    ipv6Only: family === 'udp6' && !dualStack,
    // Addresses are IP addresses here: nothing is ever looked up.
    lookup: (host, _options, callback) => {
      callback(null, host, family === 'udp6' ? 6 : 4);
    },
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ port, address, exclusive: true }, () => {
      socket.off('error', reject);
      resolve();
    });
  }).catch((error: unknown) => {
    socket.close();
    throw error;
  });
  try {
    socket.setRecvBufferSize(receiveBufferBytes);
  } catch {
    // Only slower: a burst may lose datagrams, which are sent again.
  }
  return socket;
}

function isFamilyMissing(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL' || code === 'EINVAL';
}

function unmapped(address: string): string {
  return address.startsWith(mappedPrefix) && isIPv4(address.slice(mappedPrefix.length))
    ? address.slice(mappedPrefix.length)
    : address;
}
