/** What the engine needs from the transport; `UdpTransport` of @parley/transport/node is the real one. */
import type { Address, Introduction, LinkEnd, LinkStatus } from '@parley/transport';

export interface LinkHandlers {
  established(): void;
  message(bytes: Uint8Array): void;
  ended(end: LinkEnd): void;
}

export interface PeerLink {
  /** Smoothed, milliseconds. */
  readonly rttMs: number | undefined;
  /** Of its keys; undefined where nothing is encrypted end to end. */
  readonly keys: LinkStatus['keys'] | undefined;
  /** Throws a TransportError when the link takes nothing more. */
  send(bytes: Uint8Array): void;
  /** Sends what is queued, then says goodbye; settles when the link is gone, within a bounded time. */
  close(): Promise<void>;
}

export interface PeerTransport {
  readonly localAddress: Address;
  open(introduction: Introduction, handlers: LinkHandlers): PeerLink;
  /** Sends a datagram that is not the transport's own (STUN). */
  sendForeign(bytes: Uint8Array, to: Address): void;
  close(): Promise<void>;
}
