/** What the engine needs from the transport; `UdpTransport` of @parley/transport/node is the real one. */
import type { Address, LinkEnd } from '@parley/transport';

export interface LinkIntroduction {
  /** 16 bytes. */
  readonly id: Uint8Array;
  /** The peer's X25519 public key. */
  readonly peerKey: Uint8Array;
  /** 32 bytes. */
  readonly psk: Uint8Array;
  readonly role: 'initiator' | 'responder';
  readonly candidates: readonly Address[];
}

export interface LinkHandlers {
  established(): void;
  message(bytes: Uint8Array): void;
  ended(end: LinkEnd): void;
}

export interface PeerLink {
  /** Smoothed, milliseconds. */
  readonly rttMs: number | undefined;
  send(bytes: Uint8Array): void;
  /** Sends what is queued, then says goodbye; settles when the link is gone, within a bounded time. */
  close(): Promise<void>;
}

export interface PeerTransport {
  readonly localAddress: Address;
  open(introduction: LinkIntroduction, handlers: LinkHandlers): PeerLink;
  /** Sends a datagram that is not the transport's own (STUN). */
  sendForeign(bytes: Uint8Array, to: Address): void;
  close(): Promise<void>;
}
