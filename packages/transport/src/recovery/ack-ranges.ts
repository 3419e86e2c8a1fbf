import type { AckFrame } from '../wire/frames.js';
import { transportLimits } from '../limits.js';
import { RangeSet } from '../range-set.js';

/** Every second packet that asks for an acknowledgement gets one at once (RFC 9000, section 13.2.2). */
const packetsPerAck = 2;

/** Which packets were received, and when the peer is to be told. */
export class AckRanges {
  readonly #received = new RangeSet();
  #largest = -1;
  #largestReceivedAt = 0;
  /** Packets that asked for an acknowledgement since the last ACK frame. */
  #waiting = 0;
  #deadline: number | undefined;

  /** When an ACK frame must go out, even in a packet of its own; undefined when nobody waits for one. */
  get deadline(): number | undefined {
    return this.#deadline;
  }

  /** Whether an ACK frame would tell the peer something it asked for. */
  get isWaiting(): boolean {
    return this.#waiting > 0;
  }

  isDue(now: number): boolean {
    return this.#deadline !== undefined && now >= this.#deadline;
  }

  onReceived(now: number, number: number, ackEliciting: boolean): void {
    const inOrder = number === this.#largest + 1;
    this.#received.add(number, number + 1);
    this.#received.keepNewest(transportLimits.ackRanges);
    if (number > this.#largest) {
      this.#largest = number;
      this.#largestReceivedAt = now;
    }
    if (!ackEliciting) return;
    this.#waiting += 1;
    // A gap or a late packet is told at once, so that the sender finds its losses early.
    const atOnce = this.#waiting >= packetsPerAck || !inOrder;
    this.#deadline = atOnce ? now : (this.#deadline ?? now + transportLimits.maxAckDelayMs);
  }

  /** The frame to send now; counts as sent. */
  takeFrame(now: number): AckFrame {
    this.#waiting = 0;
    this.#deadline = undefined;
    const ranges = this.#received
      .ascending()
      .map(({ start, end }) => ({ smallest: start, largest: end - 1 }))
      .reverse();
    return { type: 'ack', ranges, delayUs: Math.max(0, Math.round((now - this.#largestReceivedAt) * 1_000)) };
  }

  /** The peer has seen an ACK frame up to this number: what is below needs no repetition (RFC 9000, 13.2.4). */
  forgetUpTo(number: number): void {
    // The largest is always told.
    this.#received.remove(0, Math.min(number + 1, this.#largest));
  }
}
