import type { Socket } from 'node:dgram';
import { answerBindingRequest, looksLikeRelay, looksLikeStun, type Address } from '@parley/rendezvous';
import type { NetworkRates } from '../dispatch/network-rates.js';
import type { Log } from '../log.js';
import { plainAddress } from './control-connection.js';

export interface UdpListenerParts {
  /** How many answers to STUN a network may get. */
  readonly stunRates: NetworkRates;
  /** Takes what looks like a relay frame; undefined where nothing is relayed. */
  readonly relay: ((from: Address, bytes: Uint8Array) => void) | undefined;
  readonly log: Log;
}

/** A burst of all pairs waits in the system's queue while a turn of the event loop takes its time. */
const receiveBufferBytes = 4 * 1024 * 1024;
/** What may wait for the system, in ours. */
const mostUnsentBytes = 256 * 1024;

/**
 * The two UDP ports: both answer STUN Binding requests, each on the other's behalf when asked to, the first also carries
 * relay frames. All other datagrams get silence.
 */
export class UdpListener {
  readonly #first: Socket;
  readonly #second: Socket;
  readonly #parts: UdpListenerParts;
  #isClosed = false;

  constructor(first: Socket, second: Socket, parts: UdpListenerParts) {
    this.#first = first;
    this.#second = second;
    this.#parts = parts;
    const { relay, log } = parts;
    first.on('message', (bytes, from) => {
      // Nothing can be sent to port 0, which a forged datagram may claim to come from.
      if (from.port === 0) return;
      if (relay && looksLikeRelay(bytes)) relay(from, bytes);
      else if (looksLikeStun(bytes)) this.#answer(first, second, from, bytes);
    });
    second.on('message', (bytes, from) => {
      if (from.port !== 0 && looksLikeStun(bytes)) this.#answer(second, first, from, bytes);
    });
    for (const socket of [first, second]) {
      socket.setRecvBufferSize(receiveBufferBytes);
      socket.on('error', (error: NodeJS.ErrnoException) => {
        log.warn({ code: error.code }, 'a UDP socket had an error');
      });
    }
  }

  /** The system takes no more for now; it will within milliseconds. */
  get isFull(): boolean {
    return !this.#isClosed && this.#first.getSendQueueSize() > mostUnsentBytes;
  }

  /** Sends from the first port, and forgets: what the system refuses is lost, as it might be on the way. */
  send(bytes: Uint8Array, to: Address): void {
    if (this.#isClosed) return;
    // Without a callback a datagram costs less, and its errors are not told.
    this.#first.send(bytes, to.port, to.address);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(
      [this.#first, this.#second].map(
        (socket) =>
          new Promise<void>((resolve) => {
            socket.close(resolve);
          }),
      ),
    );
  }

  #answer(asked: Socket, other: Socket, { address, port }: Address, bytes: Uint8Array): void {
    const plain = plainAddress(address);
    if (this.#parts.stunRates.take(plain) > 0) return;
    const answer = answerBindingRequest(bytes, { address: plain, port }, true);
    if (!answer) return;
    (answer.fromOtherPort ? other : asked).send(answer.bytes, port, address, (error) => {
      if (!error) return;
      this.#parts.log.debug({ code: (error as NodeJS.ErrnoException).code }, 'a STUN answer could not be sent');
    });
  }
}
