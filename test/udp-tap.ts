/** Hears all that one party of a test sends and receives by UDP, and may keep it from sending. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { RemoteInfo, Socket } from 'node:dgram';
import { decodeRelayFrame } from '@parley/rendezvous';

interface Place {
  readonly address: string;
  readonly port: number;
}

export interface Datagram {
  readonly bytes: Buffer;
  readonly place: Place;
}

export class UdpTap {
  /** What was given to the system, in order, and where to. */
  readonly sent: Datagram[] = [];
  readonly received: Datagram[] = [];
  readonly #sockets: Socket[] = [];
  /** A firewall: what it does not let out is lost, and not in `sent`. */
  lets: (to: Place) => boolean = () => true;

  /** Taps the UDP sockets that are made while `make` runs; nobody else may make one meanwhile. */
  static async around<T>(make: () => Promise<T>): Promise<[T, UdpTap]> {
    const tap = new UdpTap();
    const onSocket = (message: unknown): void => {
      tap.#listen((message as { socket: Socket }).socket);
    };
    // Node tells of every UDP socket that is made.
    subscribe('udp.socket', onSocket);
    try {
      return [await make(), tap];
    } finally {
      unsubscribe('udp.socket', onSocket);
    }
  }

  /** What was sent to be relayed. */
  get relayed(): Datagram[] {
    return this.sent.filter(({ bytes }) => decodeRelayFrame(bytes)?.type === 'data');
  }

  /** The ports that something was sent to, each once. */
  get targets(): number[] {
    return [...new Set(this.sent.map(({ place }) => place.port))].sort((a, b) => a - b);
  }

  /** That its own sockets are bound to. */
  get ports(): number[] {
    return this.#sockets.map((socket) => socket.address().port);
  }

  #listen(socket: Socket): void {
    this.#sockets.push(socket);
    socket.on('message', (bytes: Buffer, { address, port }: RemoteInfo) => {
      this.received.push({ bytes: Buffer.from(bytes), place: { address, port } });
    });
    const send = socket.send.bind(socket) as (...args: unknown[]) => void;
    Object.assign(socket, {
      send: (bytes: Uint8Array, port: number, address: string, ...rest: unknown[]) => {
        if (!this.lets({ address, port })) return;
        this.sent.push({ bytes: Buffer.from(bytes), place: { address, port } });
        send(bytes, port, address, ...rest);
      },
    });
  }
}
