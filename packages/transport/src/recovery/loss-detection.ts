/** Which packets are in flight, which of them are lost, and when to probe (RFC 9002, section 6 and appendix A). */
import type { AckFrame } from '../wire/frames.js';
import { transportLimits } from '../limits.js';
import type { RttEstimator } from './rtt.js';
import type { SentPiece } from '../streams/streams.js';

/** A packet that overtakes another by this many numbers shows it lost (RFC 9002, section 6.1.1). */
const packetThreshold = 3;
/** RFC 9002, section 7.6.1. */
const persistentCongestionPtos = 3;

/** A packet that asks for an acknowledgement; others are not tracked. */
export interface SentPacket {
  readonly number: number;
  readonly sentAt: number;
  /** The whole datagram. */
  readonly bytes: number;
  readonly pieces: readonly SentPiece[];
  /** The highest number that an ACK frame in it acknowledged, if it had one. */
  readonly acknowledgedUpTo: number | undefined;
}

interface TrackedPacket extends SentPacket {
  /** Counts tracked packets only, so that two are neighbours when no other tracked one was sent between. */
  readonly ordinal: number;
}

export interface AckOutcome {
  readonly acknowledged: readonly SentPacket[];
  readonly lost: LossOutcome;
}

export interface LossOutcome {
  readonly packets: readonly SentPacket[];
  /** Nothing came through for so long that what was learned about the path is void (RFC 9002, section 7.6). */
  readonly persistentCongestion: boolean;
}

const nothingLost: LossOutcome = { packets: [], persistentCongestion: false };

export class LossDetection {
  readonly #rtt: RttEstimator;
  /** By number, ascending. */
  readonly #packets = new Map<number, TrackedPacket>();
  #bytesInFlight = 0;
  #nextOrdinal = 0;
  #largestAcknowledged = -1;
  #lastSentAt = 0;
  #firstSampleAt: number | undefined;
  #probeCount = 0;
  #lossAt: number | undefined;

  constructor(rtt: RttEstimator) {
    this.#rtt = rtt;
  }

  get bytesInFlight(): number {
    return this.#bytesInFlight;
  }

  /** When `onTimeout` is due. */
  get deadline(): number | undefined {
    if (this.#lossAt !== undefined) return this.#lossAt;
    if (this.#packets.size === 0) return undefined;
    return this.#lastSentAt + Math.min(this.#rtt.ptoMs * 2 ** this.#probeCount, transportLimits.maxPtoMs);
  }

  onSent(packet: SentPacket): void {
    this.#packets.set(packet.number, { ...packet, ordinal: this.#nextOrdinal++ });
    this.#bytesInFlight += packet.bytes;
    this.#lastSentAt = packet.sentAt;
  }

  /** @param frame acknowledges nothing that was never sent; the caller has checked that. */
  onAck(now: number, frame: AckFrame): AckOutcome {
    const largest = frame.ranges[0]?.largest ?? -1;
    const acknowledged = this.#takeAcknowledged(frame);
    this.#largestAcknowledged = Math.max(this.#largestAcknowledged, largest);
    const newest = acknowledged.at(-1);
    if (!newest) return { acknowledged, lost: nothingLost };
    if (newest.number === largest) {
      this.#rtt.sample(now - newest.sentAt, frame.delayUs / 1_000);
      this.#firstSampleAt ??= now;
    }
    this.#probeCount = 0;
    return { acknowledged, lost: this.#takeLost(now) };
  }

  /** What the deadline was for: packets that are now lost by time, or a probe to be sent. */
  onTimeout(now: number): LossOutcome | 'probe' {
    if (this.#lossAt !== undefined) return this.#takeLost(now);
    this.#probeCount += 1;
    // The next deadline counts from the probe, which is sent at once.
    this.#lastSentAt = now;
    return 'probe';
  }

  /** The packets that have waited longest for their acknowledgement. */
  oldest(count: number): SentPacket[] {
    const oldest: SentPacket[] = [];
    for (const packet of this.#packets.values()) {
      if (oldest.length === count) break;
      oldest.push(packet);
    }
    return oldest;
  }

  /** After a sign that the path works again, probes begin anew. */
  forgetBackoff(): void {
    this.#probeCount = 0;
  }

  #takeAcknowledged(frame: AckFrame): SentPacket[] {
    const acknowledged: SentPacket[] = [];
    let index = frame.ranges.length - 1;
    for (const packet of this.#packets.values()) {
      let range = frame.ranges[index];
      while (range && range.largest < packet.number) range = frame.ranges[--index];
      if (!range) break;
      if (packet.number >= range.smallest) {
        this.#remove(packet);
        acknowledged.push(packet);
      }
    }
    return acknowledged;
  }

  #takeLost(now: number): LossOutcome {
    const delayMs = this.#rtt.lossDelayMs;
    const packets: TrackedPacket[] = [];
    this.#lossAt = undefined;
    for (const packet of this.#packets.values()) {
      if (packet.number > this.#largestAcknowledged) break;
      const lostAt = packet.sentAt + delayMs;
      if (now >= lostAt || packet.number <= this.#largestAcknowledged - packetThreshold) {
        this.#remove(packet);
        packets.push(packet);
      } else {
        this.#lossAt = Math.min(this.#lossAt ?? lostAt, lostAt);
      }
    }
    return { packets, persistentCongestion: this.#isPersistentCongestion(packets) };
  }

  #isPersistentCongestion(lost: readonly TrackedPacket[]): boolean {
    const durationMs = this.#rtt.ptoMs * persistentCongestionPtos;
    let first: TrackedPacket | undefined;
    let previous: TrackedPacket | undefined;
    for (const packet of lost) {
      // Without a sample at the time there was no telling how long to wait.
      if (this.#firstSampleAt === undefined || packet.sentAt < this.#firstSampleAt) continue;
      if (!first || previous?.ordinal !== packet.ordinal - 1) first = packet;
      if (packet.sentAt - first.sentAt > durationMs) return true;
      previous = packet;
    }
    return false;
  }

  #remove(packet: SentPacket): void {
    this.#packets.delete(packet.number);
    this.#bytesInFlight -= packet.bytes;
  }
}
