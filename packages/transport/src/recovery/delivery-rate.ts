/** How fast the path delivers (draft-cheng-iccrg-delivery-rate-estimation). Milliseconds, bytes. */
import type { DeliveryStamp, SentPacket } from './sent-packet.js';

export interface RateSample {
  /** Bytes per millisecond; undefined when the sample is too short to tell. */
  readonly bytesPerMs: number | undefined;
  /** The interval that it was measured over. */
  readonly intervalMs: number;
  /** Delivered in it. */
  readonly deliveredBytes: number;
  /** `deliveredBytes` of the link when the newest acknowledged packet left. */
  readonly priorDeliveredBytes: number;
  /** Lost since then. */
  readonly lostBytes: number;
  /** In flight when that packet left. */
  readonly inFlightBytes: number;
  /** The sender had nothing more to say, so the path may be faster than this. */
  readonly isAppLimited: boolean;
}

const notLimited = -1;

/**
 * Measures one path. Each packet takes a stamp along; its acknowledgement shows what was delivered while it was under
 * way. A congestion controller counts on the totals in the stamps, so both begin together: a new path gets a new one of
 * each. For one ACK frame call `onLost` first, then `onAcknowledged`, so that the sample counts the losses that it showed.
 */
export class DeliveryRate {
  #deliveredBytes = 0;
  #lostBytes = 0;
  /** When `#deliveredBytes` last grew, or the flight began. */
  #deliveredAt = 0;
  /** When the newest packet was sent that is acknowledged, or the flight began. */
  #firstSentAt = 0;
  /** Samples count as limited by the application until more than this is delivered. */
  #appLimitedUntilBytes = notLimited;
  readonly #sample: { -readonly [Key in keyof RateSample]: RateSample[Key] } = {
    bytesPerMs: undefined,
    intervalMs: 0,
    deliveredBytes: 0,
    priorDeliveredBytes: 0,
    lostBytes: 0,
    inFlightBytes: 0,
    isAppLimited: false,
  };

  /** @param bytesInFlight without the packet @returns what the packet is to keep in `delivery` */
  onSent(packet: Pick<SentPacket, 'sentAt' | 'bytes'>, bytesInFlight: number): DeliveryStamp {
    if (bytesInFlight === 0) {
      this.#firstSentAt = packet.sentAt;
      this.#deliveredAt = packet.sentAt;
    }
    return {
      deliveredBytes: this.#deliveredBytes,
      deliveredAt: this.#deliveredAt,
      firstSentAt: this.#firstSentAt,
      isAppLimited: this.#appLimitedUntilBytes !== notLimited,
      inFlightBytes: bytesInFlight + packet.bytes,
      lostBytes: this.#lostBytes,
    };
  }

  /**
   * @param packets newly acknowledged by one ACK frame, in any order; one at least
   * @returns the sample, in an object that the next call fills anew
   */
  onAcknowledged(now: number, packets: readonly SentPacket[]): RateSample {
    let newest = packets[0];
    if (newest === undefined) throw new RangeError('an acknowledgement of nothing');
    for (const packet of packets) {
      this.#deliveredBytes += packet.bytes;
      if (packet.number > newest.number) newest = packet;
    }
    this.#deliveredAt = now;
    this.#firstSentAt = newest.sentAt;
    if (this.#deliveredBytes > this.#appLimitedUntilBytes) this.#appLimitedUntilBytes = notLimited;

    const stamp = newest.delivery;
    const sample = this.#sample;
    // Nothing is delivered faster than it is sent, nor than it is acknowledged: the longer of the two intervals counts.
    sample.intervalMs = Math.max(newest.sentAt - stamp.firstSentAt, now - stamp.deliveredAt);
    sample.deliveredBytes = this.#deliveredBytes - stamp.deliveredBytes;
    // A clock that did not move cannot tell a rate. Else the interval is a round trip at least, as each packet has a
    // number of its own: the draft's comparison with the smallest round trip is for retransmissions of TCP.
    sample.bytesPerMs = sample.intervalMs > 0 ? sample.deliveredBytes / sample.intervalMs : undefined;
    sample.priorDeliveredBytes = stamp.deliveredBytes;
    sample.lostBytes = this.#lostBytes - stamp.lostBytes;
    sample.inFlightBytes = stamp.inFlightBytes;
    sample.isAppLimited = stamp.isAppLimited;
    return sample;
  }

  /** Window and pacing would let more leave, and there is nothing to send: what is measured from here on is too small. */
  onAppLimited(bytesInFlight: number): void {
    this.#appLimitedUntilBytes = this.#deliveredBytes + bytesInFlight;
  }

  /** MTU probes are not to be counted. */
  onLost(bytes: number): void {
    this.#lostBytes += bytes;
  }
}
