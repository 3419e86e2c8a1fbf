import type { Address } from './address.js';
import type { StreamEvent } from './streams/stream-event.js';

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
  /** The peer is heard from another IP address; the path may carry datagrams of another size. */
  | { readonly type: 'moved' }
  | StreamEvent
  /** Nothing follows. */
  | { readonly type: 'ended'; readonly end: LinkEnd };

/** A datagram for the socket. The bytes are good until the next is asked for. */
export interface Transmit {
  readonly to: Address;
  readonly bytes: Uint8Array;
}

/** What the bounds of a link are about, in bytes. */
export interface LinkUsage {
  readonly bytesInFlight: number;
  readonly windowBytes: number;
  /** Held for what was received. */
  readonly receiveBytes: number;
}

/** What a user may want to know of a link. Times in milliseconds, sizes in bytes. */
export interface LinkStatus {
  readonly state: LinkState;
  readonly path: Address | undefined;
  /** The peer has shown that it receives what is sent there. */
  readonly isPathProven: boolean;
  readonly rttMs: number | undefined;
  readonly datagramBytes: number;
  readonly congestion: { readonly name: string; readonly phase: string; readonly windowBytes: number };
  readonly keys: {
    /** How often they were renewed. */
    readonly epoch: number;
    /** Undefined when they have expired; the next packet makes new ones. */
    readonly ageMs: number | undefined;
    /** Whether each side has mixed the post-quantum secret into its keys, as far as this one can tell. */
    readonly postQuantum: { readonly ours: boolean; readonly peers: boolean };
  };
}
