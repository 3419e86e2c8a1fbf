/**
 * Which packets were received, and when the peer is to be told.
 *
 * How many ranges are kept, and told in each frame (`transportLimits.ackRanges`, 64, the newest):
 *
 * - A frame must never be cut short: when the peer acknowledges it, all that was to be in it is forgotten, told or not.
 *   64 ranges of the longest integers take 1 + 8 + 8 + 1 + 8 + 63 x 16 = 1,034 bytes, which the smallest datagram
 *   (1,100 bytes less 32 of header and tag) holds, as an ACK is the first frame in its packet.
 * - A range falls off when 64 newer ones exist. Each of those begins with a gap, a gap calls for an ACK at once, and a
 *   driver hands over at most about 32 datagrams between two chances to send it, with room for 16 gaps. So before it
 *   falls off a range is in at least four frames, and at 5 % loss in about 60; the peer takes what arrived for lost
 *   only when all of those are lost. The window may be far larger: of 4,000 packets with 200 gaps in flight, all but
 *   the newest 1,280 were told long ago.
 * - What does fall off, after a blackout of the way back alone, is sent again for nothing. Nothing is lost by it.
 *
 * What the peer has seen is forgotten earlier (`forgetUpTo`), but only when no late packet came into it afterwards.
 */
import { transportLimits } from '../limits.js';
import type { AckFrame } from '../wire/frame-types.js';
import type { RttEstimator } from './rtt.js';

/** Every second packet that asks for an acknowledgement gets one at once (RFC 9000, section 13.2.2) … */
const fewestPacketsPerAck = 2;
/** … and in a fast stream every 32nd: acknowledging costs both sides as much as sending. */
const mostPacketsPerAck = 32;
/** But there are four acknowledgements a round trip, so that the sender's window opens steadily. */
const acksPerRoundTrip = 4;
/** Below this neither a clock nor a timer tells anything. */
const granularityMs = 1;
/** Packets overtake each other on this path when more than one in eight came late. */
const packetsPerLateOne = 8;

/** `type` is for the encoder of version 1. */
type ToldFrame = AckFrame & { readonly type: 'ack' };

interface ReceivedRange {
  smallest: number;
  largest: number;
  /** The largest number received when a packet last came late into it; -1 when none did. */
  changedAt: number;
}

export class AckRanges {
  readonly #rtt: RttEstimator | undefined;
  /** From the newest down, as they are told. */
  #ranges: ReceivedRange[] = [];
  readonly #frame = { type: 'ack' as const, ranges: this.#ranges, delayUs: 0 };
  #largest = -1;
  #largestReceivedAt = 0;
  #receivedAt = -Infinity;
  /** Packets that asked for an acknowledgement since the last ACK frame. */
  #waiting = 0;
  #deadline: number | undefined;
  #packetsPerAck = fewestPacketsPerAck;
  #isReordering = false;
  /** Of the round trip that is being counted. */
  #roundStartedAt = 0;
  #roundPackets = 0;
  #roundLatePackets = 0;

  /** @param rtt tells how many packets come in a round trip; without it every second one is acknowledged at once. */
  constructor(rtt?: RttEstimator) {
    this.#rtt = rtt;
  }

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
    const isInOrder = number === this.#largest + 1;
    if (number <= this.#largest) {
      this.#roundLatePackets += 1;
      this.#addLate(number);
    } else {
      this.#addNewest(number);
      this.#largest = number;
      this.#largestReceivedAt = now;
    }
    this.#countRound(now);
    if (!ackEliciting) return;
    this.#waiting += 1;
    // A gap and its end are told at once, so that the sender finds its losses early. Where packets overtake each other
    // all the time this would be an ACK for each; there a quarter of a round trip later is early enough.
    const isAtOnce = this.#waiting >= this.#packetsPerAck || (!isInOrder && !this.#isReordering);
    if (isAtOnce) this.#deadline = now;
    else this.#deadline ??= now + this.#delayMs();
  }

  /** The frame to send now; counts as sent. It is the same object each time, good until the next call of this object. */
  takeFrame(now: number): ToldFrame {
    this.#waiting = 0;
    this.#deadline = undefined;
    this.#frame.delayUs = Math.max(0, Math.round((now - this.#largestReceivedAt) * 1_000));
    return this.#frame;
  }

  /**
   * The peer has seen an ACK frame up to this number: what is below needs no repetition (RFC 9000, section 13.2.4).
   * The largest is always told, and so is what changed below this number since that frame may have been made.
   */
  forgetUpTo(number: number): void {
    const upTo = Math.min(number, this.#largest - 1);
    for (let i = this.#ranges.length - 1; i >= 0; i -= 1) {
      const range = this.#ranges[i];
      if (!range || range.smallest > upTo) return;
      if (range.changedAt >= number) continue;
      if (range.largest > upTo) range.smallest = upTo + 1;
      else this.#ranges.splice(i, 1);
    }
  }

  /** Gives back the room for more ranges than there are. */
  rest(): void {
    this.#ranges = this.#ranges.slice();
    this.#frame.ranges = this.#ranges;
  }

  #addNewest(number: number): void {
    const newest = this.#ranges[0];
    if (newest?.largest === number - 1) newest.largest = number;
    else this.#insert(0, number, -1);
  }

  #addLate(number: number): void {
    const ranges = this.#ranges;
    let at = 0;
    for (let range = ranges[at]; range && range.smallest > number + 1; range = ranges[at]) at += 1;
    // All before `at` are further up and do not touch the number.
    const range = ranges[at];
    if (!range || range.largest < number - 1) {
      this.#insert(at, number, this.#largest);
      return;
    }
    if (number >= range.smallest && number <= range.largest) return;
    range.changedAt = this.#largest;
    if (number > range.largest) {
      range.largest = number;
      return;
    }
    range.smallest = number;
    const below = ranges[at + 1];
    if (below?.largest === number - 1) {
      range.smallest = below.smallest;
      ranges.splice(at + 1, 1);
    }
  }

  #insert(at: number, number: number, changedAt: number): void {
    this.#ranges.splice(at, 0, { smallest: number, largest: number, changedAt });
    if (this.#ranges.length > transportLimits.ackRanges) this.#ranges.pop();
  }

  /** How many packets may wait follows from how many came in the round trip before: two at first, or after a pause. */
  #countRound(now: number): void {
    const pauseMs = now - this.#receivedAt;
    this.#receivedAt = now;
    this.#roundPackets += 1;
    const rttMs = this.#rtt?.smoothedMs;
    if (rttMs === undefined) return;
    const roundMs = Math.max(rttMs, granularityMs);
    if (pauseMs > Math.max(roundMs, transportLimits.maxAckDelayMs)) {
      this.#packetsPerAck = fewestPacketsPerAck;
      this.#isReordering = false;
      this.#beginRound(now);
      return;
    }
    const elapsedMs = now - this.#roundStartedAt;
    if (elapsedMs < roundMs) return;
    const share = Math.floor((this.#roundPackets * roundMs) / elapsedMs / acksPerRoundTrip);
    this.#packetsPerAck = Math.min(Math.max(share, fewestPacketsPerAck), mostPacketsPerAck);
    this.#isReordering = share > fewestPacketsPerAck && this.#roundLatePackets * packetsPerLateOne > this.#roundPackets;
    this.#beginRound(now);
  }

  #beginRound(now: number): void {
    this.#roundStartedAt = now;
    this.#roundPackets = 0;
    this.#roundLatePackets = 0;
  }

  /** In a fast stream the last packets of a window, too few to be acknowledged at once, do not wait the whole 25 ms. */
  #delayMs(): number {
    const rttMs = this.#rtt?.smoothedMs;
    if (rttMs === undefined || this.#packetsPerAck === fewestPacketsPerAck) return transportLimits.maxAckDelayMs;
    return Math.min(Math.max(rttMs / acksPerRoundTrip, granularityMs), transportLimits.maxAckDelayMs);
  }
}
