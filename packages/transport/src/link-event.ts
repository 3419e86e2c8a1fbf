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

/** What a link tells of addresses. Those that nobody reads are dropped beyond 64. */
export type PathEvent =
  /** Packets go to another address, by our wish or the peer's; it may carry datagrams of another size. */
  | { readonly type: 'moved' }
  /** `Link.probe` was answered. */
  | { readonly type: 'probed'; readonly to: Address; readonly rttMs: number }
  /**
   * An authentic packet came from an address that is not the path: once for each new one (the last 32 are remembered),
   * and at most every 100 ms. Whoever sends copies of packets can bring it about, so ask such an address sparingly.
   */
  | { readonly type: 'heard'; readonly from: Address };

export type LinkEvent =
  | { readonly type: 'established' }
  | PathEvent
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
  /** Packets that asked for an acknowledgement, on all paths so far. */
  readonly sentPackets: number;
  /** Those of them that counted as lost. A move gives up what is in flight, which counts as neither. */
  readonly lostPackets: number;
  /** How long something in flight on this path has waited for any acknowledgement; 0 when nothing does. */
  readonly unansweredMs: number;
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
