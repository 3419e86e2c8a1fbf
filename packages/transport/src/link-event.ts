import type { Address } from './address.js';

export type LinkState = 'connecting' | 'established' | 'closing' | 'ended';

/** Why a link ended. */
export type LinkEnd =
  /** No candidate led to the peer within `pathTimeoutMs`. */
  | { readonly kind: 'no-path' }
  /** Nothing authentic came for `peerIdleTimeoutMs`. */
  | { readonly kind: 'lost' }
  /** One side closed it. The reason is for logs, and when it comes from the peer may be anything. */
  | { readonly kind: 'closed'; readonly by: 'us' | 'peer'; readonly code: number; readonly reason: string }
  /** The peer broke a rule; the code is one of `closeCodes`. */
  | { readonly kind: 'violation'; readonly code: number; readonly detail: string };

export type LinkEvent =
  | { readonly type: 'established' }
  /** Whole, once, and in the order of sending. */
  | { readonly type: 'message'; readonly bytes: Uint8Array }
  /** Nothing follows. */
  | { readonly type: 'ended'; readonly end: LinkEnd };

/** A datagram for the socket. */
export interface Transmit {
  readonly to: Address;
  readonly bytes: Uint8Array;
}
