/** A UDP socket whose system takes nothing while a test wants it so. */
import { createSocket, type Socket, type SocketOptions } from 'node:dgram';

interface Waiting {
  readonly bytes: Uint8Array;
  readonly port: number;
  readonly address: string;
  readonly callback: (() => void) | undefined;
}

export class BlockableSocket {
  isBlocked = false;
  sent = 0;
  waiting: Waiting[] = [];
  /** Made by `make`. */
  socket: Socket | undefined;

  /** For `UdpSocket.bind`. */
  readonly make = (options: SocketOptions): Socket => {
    const socket = createSocket(options);
    const send = socket.send.bind(socket) as (...args: unknown[]) => void;
    const take = (bytes: Uint8Array, port: number, address: string, callback?: () => void): void => {
      this.sent += 1;
      if (this.isBlocked) this.waiting.push({ bytes, port, address, callback });
      else send(bytes, port, address, callback);
    };
    socket.send = take as Socket['send'];
    socket.getSendQueueCount = () => this.waiting.length;
    socket.getSendQueueSize = () => this.waiting.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.#send = send;
    this.socket = socket;
    return socket;
  };
  #send: (...args: unknown[]) => void = () => undefined;

  /** Of all that waits, what memory it keeps from being freed. */
  get heldBytes(): number {
    return [...new Set(this.waiting.map(({ bytes }) => bytes.buffer))].reduce(
      (sum, { byteLength }) => sum + byteLength,
      0,
    );
  }

  /** The system takes all that waits, in its order. */
  release(): void {
    this.isBlocked = false;
    for (const { bytes, port, address, callback } of this.waiting.splice(0)) this.#send(bytes, port, address, callback);
  }
}
