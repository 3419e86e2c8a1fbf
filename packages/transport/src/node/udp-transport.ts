/** Drives an Endpoint over one UDP socket and one timer. */
import { isIP } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Address } from '../address.js';
import type { CryptoProvider, KeyPair } from '../crypto-provider.js';
import { Endpoint } from '../endpoint.js';
import { TransportError } from '../errors.js';
import type { Introduction } from '../session/introduction.js';
import { transportLimits, type TransportConfig } from '../limits.js';
import type { Link } from '../link.js';
import { bestCrypto } from './best-crypto.js';
import { largestDatagramTo } from './interface-mtu.js';
import { LinkHandle, type LinkHandlers } from './link-handle.js';
import { pooledRandom } from './random-pool.js';
import { UdpSocket, type SocketMaker } from './udp-socket.js';

export interface UdpTransportOptions {
  /** An IP address to bind; without it all of both IP versions, where the machine has them. */
  readonly host?: string | undefined;
  /** Without it, or 0, the system picks one. */
  readonly port?: number | undefined;
  readonly keyPair: KeyPair;
  readonly config?: Partial<TransportConfig> | undefined;
  /** The fastest that is installed, unless told. */
  readonly crypto?: CryptoProvider | undefined;
  /**
   * Datagrams of other protocols on this port, as their first byte tells (RFC 7983): 0 to 3 is STUN, 0x60 to 0x64 a frame
   * of the relay. The bytes are good during the call.
   */
  readonly onForeignDatagram?: ((bytes: Uint8Array, from: Address) => void) | undefined;
  /**
   * Carries a datagram to a virtual address: one whose `address` is no IP address, but names a way that only the caller
   * knows, such as a relay. Like all datagrams it may be lost; without this all are. The bytes are good during the call.
   */
  readonly sendVirtual?: ((bytes: Uint8Array, to: Address) => void) | undefined;
  /** The largest datagram that a virtual address carries, in bytes: 1,200 unless told, 1,100 at least. */
  readonly virtualDatagramBytes?: number | undefined;
  /**
   * What a handler threw, and TransportError SOCKET_FAILED when the socket did (the reason is in `cause`; what it did not
   * receive is lost like on the way, and links go on); without it they are uncaught exceptions.
   */
  readonly onError?: ((error: unknown) => void) | undefined;
}

const lastStunByte = 3;
const relayBytes = { first: 0x60, last: 0x64 } as const;

/** Datagrams that the system has waiting are handed over a few microseconds apart. */
const burstGapMs = 0.01;

/** In one turn of the event loop, so that others have their turn; about a millisecond of work. */
const datagramsInTurn = 256;

/** How long links wait for a system that takes nothing; then what they send is lost, and they find out themselves. */
const longestHoldUpMs = 250;

/** What setTimeout takes; for more it does not wait at all. */
const longestTimerMs = 2 ** 31 - 1;

export class UdpTransport {
  readonly #endpoint: Endpoint;
  readonly #options: UdpTransportOptions;
  readonly #links = new Map<Link, LinkHandle>();
  #socket: UdpSocket | undefined;
  #localAddress: Address | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;
  #pumpScheduled = false;
  #lastDatagramAt = 0;
  #closing: Promise<void> | undefined;
  /** Since when the socket is full. */
  #fullSince: number | undefined;
  /** Most datagrams go to where the one before went. */
  #lastTarget: Address | undefined;
  #isLastVirtual = false;
  #isSendingVirtual = false;

  private constructor(options: UdpTransportOptions) {
    this.#options = options;
    this.#endpoint = new Endpoint({
      crypto: options.crypto ?? bestCrypto(),
      random: pooledRandom(),
      keyPair: options.keyPair,
      config: options.config,
    });
  }

  /**
   * @param makeSocket for tests
   * @throws TransportError SOCKET_UNUSABLE when the address or the port cannot be bound
   * @throws RangeError for a config that cannot be
   */
  static async bind(options: UdpTransportOptions, makeSocket?: SocketMaker): Promise<UdpTransport> {
    const transport = new UdpTransport(options);
    const socketOptions = {
      host: options.host,
      port: options.port ?? 0,
      onDatagram: (bytes: Uint8Array, from: Address) => {
        transport.#onDatagram(bytes, from);
      },
      onError: (cause: Error) => {
        transport.#report(new TransportError('SOCKET_FAILED', `the UDP socket failed: ${cause.message}`, { cause }));
      },
      onRoom: transport.#schedulePump,
    };
    transport.#socket = await UdpSocket.bind(socketOptions, makeSocket);
    transport.#localAddress = transport.#socket.localAddress;
    return transport;
  }

  /** What the socket is bound to; `::` or `0.0.0.0` when that is every address. */
  get localAddress(): Address {
    if (!this.#localAddress) throw new TransportError('SOCKET_UNUSABLE', 'the socket is not bound');
    return this.#localAddress;
  }

  /** @throws TransportError INTRODUCTION_INVALID, INTRODUCTION_OPEN, or SOCKET_UNUSABLE once closed */
  open(introduction: Introduction, handlers: LinkHandlers): LinkHandle {
    if (this.#closing) throw new TransportError('SOCKET_UNUSABLE', 'the transport is closed');
    const link = this.#endpoint.open(now(), introduction);
    const handle = new LinkHandle(link, handlers, now, this.#schedulePump);
    this.#links.set(link, handle);
    this.#schedulePump();
    return handle;
  }

  /** Sends a datagram of another protocol, whose bytes stay as they are; like all datagrams it may be lost. */
  sendForeign(bytes: Uint8Array, to: Address): void {
    this.#socket?.send(bytes, to);
  }

  /**
   * Takes a datagram that came from a virtual address, as if by the socket; ignored once closed.
   * @param bytes kept by nobody after the call
   */
  receiveVirtual(bytes: Uint8Array, from: Address): void {
    if (this.#socket) this.#receive(bytes, from);
  }

  /** Closes all links, waits until they are gone (at most `lingerMs` + `drainMs`), and closes the socket. */
  async close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    await this.#closing;
  }

  async #closeAll(): Promise<void> {
    await Promise.all([...this.#links.values()].map((handle) => handle.close()));
    // What is still to be said, such as the answer to a CLOSE, goes out before the socket closes.
    this.#pump();
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    await socket?.close();
  }

  #onDatagram(bytes: Uint8Array, from: Address): void {
    const first = bytes[0];
    if (first === undefined) return;
    if (isForeign(first)) {
      try {
        this.#options.onForeignDatagram?.(bytes, from);
      } catch (error) {
        this.#report(error);
      }
      return;
    }
    this.#receive(bytes, from);
  }

  #receive(bytes: Uint8Array, from: Address): void {
    const time = now();
    this.#endpoint.handleDatagram(time, from, bytes);
    // Read at once, so that a burst does not fill the link.
    this.#deliverEvents();
    // Of a burst all is answered together; a datagram that comes alone is answered without another turn of the loop.
    if (time - this.#lastDatagramAt < burstGapMs || this.#isSendingVirtual) this.#schedulePump();
    else this.#pump(time);
    this.#lastDatagramAt = now();
  }

  #deliverEvents(): void {
    for (let next = this.#endpoint.pollEvent(); next; next = this.#endpoint.pollEvent()) {
      const { link, event } = next;
      const handle = this.#links.get(link);
      if (!handle) continue;
      if (event.type === 'established' || event.type === 'moved') void this.#learnMtu(link);
      // Only a CLOSE of ours waits for an answer; all else is over, though the link may still answer the peer.
      if (event.type === 'ended' && (event.end.kind !== 'closed' || event.end.by !== 'us')) handle.settle();
      try {
        handle.deliver(event);
      } catch (error) {
        this.#report(error);
      }
    }
  }

  async #learnMtu(link: Link): Promise<void> {
    const { path } = link;
    if (!path) return;
    const bytes = isVirtual(path)
      ? (this.#options.virtualDatagramBytes ?? transportLimits.baseDatagramBytes)
      : await largestDatagramTo(path);
    // It may have moved on meanwhile.
    if (link.path !== path) return;
    link.setMaxDatagramBytes(bytes);
    this.#schedulePump();
  }

  /** Once for all that happens in this turn of the event loop, so that messages and acknowledgements share datagrams. */
  readonly #schedulePump = (): void => {
    if (this.#pumpScheduled) return;
    this.#pumpScheduled = true;
    setImmediate(this.#pumpNow);
  };

  readonly #pumpNow = (): void => {
    this.#pumpScheduled = false;
    this.#pump();
  };

  #pump(time = now()): void {
    if (!this.#socket) return;
    this.#endpoint.handleTimeout(time);
    this.#transmit(time, this.#socket);
    this.#deliverEvents();
    this.#forgetGoneLinks();
    this.#armTimer(time);
  }

  #transmit(time: number, socket: UdpSocket): void {
    for (let sent = 0; !this.#isHeldUp(time, socket); sent += 1) {
      if (sent === datagramsInTurn) {
        this.#schedulePump();
        return;
      }
      const next = this.#endpoint.pollTransmit(time);
      if (!next) return;
      if (next.to !== this.#lastTarget) {
        this.#lastTarget = next.to;
        this.#isLastVirtual = isVirtual(next.to);
      }
      if (this.#isLastVirtual) this.#sendVirtual(next.bytes, next.to);
      // What the system has not taken yet must not be overwritten.
      else if (!socket.send(next.bytes, next.to)) this.#endpoint.replaceBuffer();
    }
  }

  #sendVirtual(bytes: Uint8Array, to: Address): void {
    // The answer may come before the call returns, where the way is a short one.
    this.#isSendingVirtual = true;
    try {
      this.#options.sendVirtual?.(bytes, to);
    } catch (error) {
      this.#report(error);
    }
    this.#isSendingVirtual = false;
  }

  #isHeldUp(time: number, socket: UdpSocket): boolean {
    if (!socket.isFull) {
      this.#fullSince = undefined;
      return false;
    }
    this.#fullSince ??= time;
    return time < this.#fullSince + longestHoldUpMs;
  }

  #forgetGoneLinks(): void {
    if (this.#endpoint.linkCount === this.#links.size) return;
    for (const [link, handle] of this.#links) {
      if (!link.isGone) continue;
      this.#links.delete(link);
      handle.settle();
    }
  }

  #armTimer(time: number): void {
    const holdUpEnd = (this.#fullSince ?? -Infinity) + longestHoldUpMs;
    const deadline = Math.min(this.#endpoint.nextTimeout() ?? Infinity, holdUpEnd > time ? holdUpEnd : Infinity);
    // A timer that is early finds nothing to do and is set again: cheaper than setting it with every datagram.
    if (this.#timer && this.#timerAt <= deadline) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerAt = deadline;
    if (deadline === Infinity) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#pump();
      },
      timerDelayMs(deadline - now()),
    );
  }

  #report(error: unknown): void {
    const { onError } = this.#options;
    if (onError) {
      onError(error);
      return;
    }
    setImmediate(() => {
      throw error;
    });
  }
}

function isForeign(firstByte: number): boolean {
  return firstByte <= lastStunByte || (firstByte >= relayBytes.first && firstByte <= relayBytes.last);
}

/** Whether it names a way that only the caller knows. */
function isVirtual({ address }: Address): boolean {
  return isIP(address) === 0;
}

/** What to give to setTimeout: never early, but for waits that it does not take. */
export function timerDelayMs(waitMs: number): number {
  return Math.min(longestTimerMs, Math.max(0, Math.ceil(waitMs)));
}

/** Milliseconds since 1970 that never go back, whatever is done to the system's clock. */
function now(): number {
  return performance.timeOrigin + performance.now();
}
