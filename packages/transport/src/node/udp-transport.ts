/** Drives an Endpoint over one UDP socket and one timer. */
import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Address } from '../address.js';
import type { KeyPair } from '../crypto-provider.js';
import { Endpoint } from '../endpoint.js';
import { TransportError } from '../errors.js';
import type { Introduction } from '../session/introduction.js';
import type { TransportConfig } from '../limits.js';
import type { Link } from '../link.js';
import type { LinkEnd, LinkState } from '../link-event.js';
import { nodeCrypto } from './node-crypto.js';
import { UdpSocket } from './udp-socket.js';

export interface UdpTransportOptions {
  /** An IP address to bind; without it all of both IP versions, where the machine has them. */
  readonly host?: string | undefined;
  /** Without it, or 0, the system picks one. */
  readonly port?: number | undefined;
  readonly keyPair: KeyPair;
  readonly config?: Partial<TransportConfig> | undefined;
  /** Datagrams of another protocol on this port, as their first byte 0 to 3 tells (STUN, RFC 7983). */
  readonly onForeignDatagram?: ((bytes: Uint8Array, from: Address) => void) | undefined;
  /** Errors of the socket, and those that a handler threw; without it they are uncaught exceptions. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

export interface LinkHandlers {
  readonly established?: (() => void) | undefined;
  /** Whole, once, in order. */
  readonly message?: ((bytes: Uint8Array) => void) | undefined;
  /** Called once; nothing follows. */
  readonly ended?: ((end: LinkEnd) => void) | undefined;
}

/** One link, as its user sees it. */
export interface LinkHandle {
  readonly state: LinkState;
  /** Smoothed round trip in milliseconds; undefined before the first measurement. */
  readonly rttMs: number | undefined;
  /** Where the peer is; undefined before the link is established. */
  readonly path: Address | undefined;
  /** Bytes of messages that the peer has not acknowledged. */
  readonly bufferedBytes: number;
  /**
   * Sends a message of 1 to 65,536 bytes, after those before it; also while the link is connecting. What is sent in one
   * turn of the event loop shares datagrams. The bytes are copied.
   * @throws TransportError MESSAGE_SIZE, SEND_BUFFER_FULL or LINK_CLOSED
   */
  send(bytes: Uint8Array): void;
  /**
   * Ends the link once what was sent is acknowledged, or `lingerMs` have passed.
   * @param code below 0x4000, for the peer
   * @param reason for the peer's log
   * @returns settles when the peer knows of the end, or `drainMs` after it; never rejects
   */
  close(code?: number, reason?: string): Promise<void>;
}

const lastForeignFirstByte = 3;

interface OpenLink {
  readonly link: Link;
  readonly handlers: LinkHandlers;
  readonly gone: Promise<void>;
  readonly settle: () => void;
}

export class UdpTransport {
  readonly #endpoint: Endpoint;
  readonly #options: UdpTransportOptions;
  readonly #links = new Map<Link, OpenLink>();
  #socket: UdpSocket | undefined;
  #localAddress: Address | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;
  #pumpScheduled = false;
  #closing: Promise<void> | undefined;

  private constructor(options: UdpTransportOptions) {
    this.#options = options;
    this.#endpoint = new Endpoint({
      crypto: nodeCrypto,
      random: randomBytes,
      keyPair: options.keyPair,
      config: options.config,
    });
  }

  /** @throws TransportError SOCKET_UNUSABLE when the address or the port cannot be bound */
  static async bind(options: UdpTransportOptions): Promise<UdpTransport> {
    const transport = new UdpTransport(options);
    transport.#socket = await UdpSocket.bind({
      host: options.host,
      port: options.port ?? 0,
      onDatagram: (bytes, from) => {
        transport.#onDatagram(bytes, from);
      },
      onError: (error) => {
        transport.#report(error);
      },
    });
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
    let settle = (): void => undefined;
    const gone = new Promise<void>((resolve) => {
      settle = resolve;
    });
    this.#links.set(link, { link, handlers, gone, settle });
    this.#schedulePump();
    return this.#handleOf(link, gone);
  }

  /** Sends a datagram of another protocol; like all datagrams it may be lost. */
  sendForeign(bytes: Uint8Array, to: Address): void {
    this.#socket?.send(bytes, to);
  }

  /** Closes all links, waits until they are gone (at most `lingerMs` + `drainMs`), and closes the socket. */
  async close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    await this.#closing;
  }

  async #closeAll(): Promise<void> {
    const open = [...this.#links.values()];
    for (const { link } of open) link.close(now());
    this.#schedulePump();
    await Promise.all(open.map(({ gone }) => gone));
    // What is still to be said, such as the answer to a CLOSE, goes out before the socket closes.
    this.#pump();
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    await socket?.close();
  }

  #handleOf(link: Link, gone: Promise<void>): LinkHandle {
    const schedulePump = (): void => {
      this.#schedulePump();
    };
    return {
      get state() {
        return link.state;
      },
      get rttMs() {
        return link.rttMs;
      },
      get path() {
        return link.path;
      },
      get bufferedBytes() {
        return link.bufferedBytes;
      },
      send(bytes) {
        link.send(bytes);
        schedulePump();
      },
      close(code, reason) {
        link.close(now(), code, reason);
        schedulePump();
        return gone;
      },
    };
  }

  #onDatagram(bytes: Uint8Array, from: Address): void {
    const first = bytes[0];
    if (first === undefined) return;
    if (first <= lastForeignFirstByte) {
      this.#guard(() => this.#options.onForeignDatagram?.(bytes, from));
      return;
    }
    this.#endpoint.handleDatagram(now(), from, bytes);
    // Read at once, so that a burst does not fill the link; answered once for the whole burst.
    this.#deliverEvents();
    this.#schedulePump();
  }

  #deliverEvents(): void {
    for (let next = this.#endpoint.pollEvent(); next; next = this.#endpoint.pollEvent()) {
      const { event } = next;
      const open = this.#links.get(next.link);
      const handlers = open?.handlers;
      // Then nobody waits for the peer any more; otherwise the link settles when it is gone.
      if (event.type === 'ended' && event.end.kind === 'closed' && event.end.by === 'peer') open?.settle();
      this.#guard(() => {
        switch (event.type) {
          case 'established':
            handlers?.established?.();
            return;
          case 'message':
            handlers?.message?.(event.bytes);
            return;
          case 'ended':
            // Only a CLOSE of ours waits for an answer; all else is over, though the link may still answer the peer.
            if (event.end.kind !== 'closed' || event.end.by !== 'us') this.#links.get(next.link)?.settle();
            handlers?.ended?.(event.end);
            return;
        }
      });
    }
  }

  /** Once for all that happens in this turn of the event loop, so that messages and acknowledgements share datagrams. */
  #schedulePump(): void {
    if (this.#pumpScheduled) return;
    this.#pumpScheduled = true;
    setImmediate(() => {
      this.#pumpScheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (!this.#socket) return;
    const time = now();
    this.#endpoint.handleTimeout(time);
    for (let next = this.#endpoint.pollTransmit(time); next; next = this.#endpoint.pollTransmit(time)) {
      this.#socket.send(next.bytes, next.to);
    }
    this.#deliverEvents();
    this.#forgetGoneLinks();
    this.#armTimer();
  }

  #forgetGoneLinks(): void {
    if (this.#endpoint.linkCount === this.#links.size) return;
    for (const open of this.#links.values()) {
      if (!open.link.isGone) continue;
      this.#links.delete(open.link);
      open.settle();
    }
  }

  #armTimer(): void {
    const deadline = this.#endpoint.nextTimeout() ?? Infinity;
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
      Math.max(0, Math.ceil(deadline - now())),
    );
  }

  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#report(error);
    }
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

/** Milliseconds since 1970 that never go back, whatever is done to the system's clock. */
function now(): number {
  return performance.timeOrigin + performance.now();
}
