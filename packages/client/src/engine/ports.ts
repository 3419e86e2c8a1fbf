/** What the engine needs from the transport; `UdpTransport` of @parley/transport/node is the real one. */
import type { PathReport } from '@parley/rendezvous';
import type { Address, Introduction, LinkEnd, LinkStatus } from '@parley/transport';
import type { Path } from './api.js';

export interface LinkHandlers {
  established(): void;
  message(bytes: Uint8Array): void;
  /** `path` is another one. */
  moved?(): void;
  ended(end: LinkEnd): void;
}

/** A link to another device, or to a user behind a gateway, as conversations see it. */
export interface PeerLink {
  readonly path: Path;
  /** Smoothed, milliseconds. */
  readonly rttMs: number | undefined;
  /** Of its keys; undefined where nothing is encrypted end to end. */
  readonly keys: LinkStatus['keys'] | undefined;
  /** Of all that was tried; undefined where there is nothing to try. */
  readonly report: PathReport | undefined;
  /** Throws a TransportError when the link takes nothing more. */
  send(bytes: Uint8Array): void;
  /** Sends what is queued, then says goodbye; settles when the link is gone, within a bounded time. */
  close(): Promise<void>;
}

export interface MovableLinkHandlers {
  established(): void;
  message(bytes: Uint8Array): void;
  probed(to: Address, rttMs: number): void;
  heard(from: Address): void;
  moved(): void;
  ended(end: LinkEnd): void;
}

/** A link of the transport: it goes where it is told to, and says how that fares. */
export interface MovableLink {
  readonly path: Address | undefined;
  readonly rttMs: number | undefined;
  readonly status: LinkStatus;
  send(bytes: Uint8Array): unknown;
  addCandidates(addresses: readonly Address[]): void;
  probe(to: Address): void;
  moveTo(to: Address): boolean;
  close(): Promise<void>;
}

export interface PeerTransport {
  readonly localAddress: Address;
  open(introduction: Introduction, handlers: MovableLinkHandlers): MovableLink;
  close(): Promise<void>;
}
