/** What is remembered of a packet until it is acknowledged or given up. */
import type { ByteWriter } from '../wire/byte-writer.js';

/**
 * Something that a packet carried and that matters until it has arrived: a piece of a stream, a new limit. Whoever put
 * it into the packet gets it back by one of these calls. Frames that are stale when they are late have none.
 */
export interface SentContent {
  /** A packet with it was acknowledged. May come after `onLost`, when the loss was none. */
  onAcknowledged(): void;
  /** The packet counts as lost: send it again, in another packet, unless it has arrived meanwhile. */
  onLost(): void;
  /**
   * Writes the same once more, into a packet that leaves anyway and has room: what is small need not wait for its loss
   * to be noticed. @returns the record for that packet; undefined, with nothing written, for what is large, has arrived
   * or was repeated often enough.
   */
  repeat(writer: ByteWriter): SentContent | undefined;
}

/** A packet that asks for an acknowledgement; others are not remembered. Times in milliseconds, sizes in bytes. */
export interface SentPacket {
  readonly number: number;
  readonly sentAt: number;
  /** The whole datagram, without the headers of UDP and IP. */
  readonly bytes: number;
  readonly contents: readonly SentContent[];
  /** The highest number that an ACK frame in it acknowledged, -1 if it had none. */
  readonly acknowledgedUpTo: number;
  /** It tests whether the path carries so large a datagram: its loss says nothing about congestion. */
  readonly isMtuProbe: boolean;
  /** Stamped by `DeliveryRate.onSent` (draft-cheng-iccrg-delivery-rate-estimation, section 3.2). */
  delivery: DeliveryStamp;
}

/** The state of the link's delivery when the packet left. */
export interface DeliveryStamp {
  /** Bytes delivered so far, and when the last of them was. */
  readonly deliveredBytes: number;
  readonly deliveredAt: number;
  /** When the first packet of the flight was sent that this one belongs to. */
  readonly firstSentAt: number;
  readonly isAppLimited: boolean;
  /** In flight with this packet, and lost so far (BBR's tx_in_flight and C.lost). */
  readonly inFlightBytes: number;
  readonly lostBytes: number;
}
