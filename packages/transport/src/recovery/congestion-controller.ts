/** How much may be in flight, and how fast it may leave. One object a path; it is told what happened and asked. */
import type { RateSample } from './delivery-rate.js';
import type { SentPacket } from './sent-packet.js';

export interface CongestionController {
  readonly name: 'bbr' | 'cubic';
  /** Bytes of datagrams that may be in flight. */
  readonly windowBytes: number;
  /** Bytes per millisecond at which datagrams leave; Infinity before anything is known of the path. */
  readonly pacingBytesPerMs: number;
  /** For `l` and the tests: the phase it is in, such as `startup` or `recovery`. */
  readonly phase: string;
  /** Before the packet counts as in flight; `bytesInFlight` is without it. After idleness this is where it restarts. */
  onSent(packet: SentPacket, bytesInFlight: number): void;
  onAcknowledged(event: AcknowledgedEvent): void;
  onLost(event: LostEvent): void;
  /** What `onLost` told of has arrived after all: whatever the loss took away comes back. */
  onSpuriousLoss(now: number, packets: readonly SentPacket[]): void;
  /** The path carries datagrams of this size now. */
  onDatagramSizeChanged(datagramBytes: number): void;
}

/** One ACK frame that acknowledged something new. */
export interface AcknowledgedEvent {
  readonly now: number;
  readonly packets: readonly SentPacket[];
  readonly bytes: number;
  /** Before and after this ACK and the losses that it showed. */
  readonly priorBytesInFlight: number;
  readonly bytesInFlight: number;
  readonly rate: RateSample;
  /** This sample, without the peer's delay, or undefined when it gave none. */
  readonly rttMs: number | undefined;
  readonly smoothedRttMs: number;
  /** Bytes found lost by the same ACK frame; `onLost` has told of them before. */
  readonly lostBytes: number;
}

export interface LostEvent {
  readonly now: number;
  /** MTU probes are not among them. */
  readonly packets: readonly SentPacket[];
  readonly bytes: number;
  readonly bytesInFlight: number;
  /** Nothing came through for so long that what was learned about the path is void (RFC 9002, section 7.6). */
  readonly isPersistentCongestion: boolean;
}
