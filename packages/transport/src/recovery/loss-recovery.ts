/**
 * Which packets are in flight, which of them are lost, and when to probe (RFC 9002, section 6 and appendix A, with the
 * reordering window of RFC 8985).
 *
 * A packet ends once as acknowledged or as lost. If it was lost, and is acknowledged soon after all, it is told once
 * more, as spurious. All rules for a loss hold for every packet sent before a lost one too, so what is lost is always
 * the oldest part of what is in flight.
 *
 * Bounds, whatever the peer acknowledges: nothing but what was sent and is in flight is looked at, by search and not by
 * walking over what a frame claims. In flight are at most the packets of the congestion window (and `isFull` tells when
 * they are too many, however small); given up and remembered are at most 2,048.
 */
import { transportLimits } from '../limits.js';
import type { AckFrame } from '../wire/frame-types.js';
import { ReorderingWindow } from './reordering-window.js';
import type { RttEstimator } from './rtt.js';
import type { SentPacket } from './sent-packet.js';
import { SentPackets } from './sent-packets.js';

/** RFC 9002, section 7.6.1. */
const persistentCongestionPtos = 3;
/** A late acknowledgement is heard for three to six probe timeouts: what is later says nothing about reordering. */
const rememberedPtos = 3;
/** Lost packets that are remembered; the oldest are forgotten first. 5 % of a window of 40,000. */
const rememberedPackets = 2_048;
/** Packets between the oldest in flight and the newest. More than 16 MiB in datagrams of 1,100 bytes. */
const packetsInFlightLimit = 32 * 1_024;
/** How far back `newest` looks past packets that were acknowledged. */
const newestLookback = 64;

/** The object and its arrays are the same each time, good until the next call of `onAck` or `onTimeout`. */
export interface AckOutcome {
  /** Newly, ascending by number, as in the other arrays. */
  readonly acknowledged: readonly SentPacket[];
  /** MTU probes are among them, here and in `TimeoutOutcome`. */
  readonly lost: readonly SentPacket[];
  /** Reported as lost before, and delivered after all: contents have arrived, and the loss was no congestion. */
  readonly spurious: readonly SentPacket[];
  /** Nothing came through for so long that what was learned about the path is void (RFC 9002, section 7.6). */
  readonly isPersistentCongestion: boolean;
  /** The round trip that this frame measured, less the peer's delay; undefined when it measured none. */
  readonly rttMs: number | undefined;
}

/** `packets` is the array of `AckOutcome.lost`, good for as long. */
export type TimeoutOutcome =
  | { readonly kind: 'probe' }
  /** Lost by time. There may be none: then only memory was given back. */
  | { readonly kind: 'lost'; readonly packets: readonly SentPacket[]; readonly isPersistentCongestion: boolean };

const probe: TimeoutOutcome = { kind: 'probe' };

export class LossRecovery {
  /** The longest wait between probes, but for a path that is slower than that. */
  maxPtoMs: number = transportLimits.maxPtoMs;
  readonly #rtt: RttEstimator;
  readonly #inFlight = new SentPackets();
  /** Given up not long ago. */
  readonly #lost = new SentPackets();
  #reordering: ReorderingWindow;
  /** Among those in flight. */
  #mtuProbes = 0;
  #newestSent = -1;
  #lastSentAt = 0;
  #lastMtuProbeAt = 0;
  #largestAcknowledged = -1;
  #firstSampleAt: number | undefined;
  #probeCount = 0;
  #lossAt: number | undefined;
  /** At `#forgetAt` the lost packets up to `#forgetUpTo` are forgotten. */
  #forgetAt = 0;
  #forgetUpTo = -1;
  #newestLost = -1;

  readonly #outcome = {
    acknowledged: [] as SentPacket[],
    lost: [] as SentPacket[],
    spurious: [] as SentPacket[],
    isPersistentCongestion: false,
    rttMs: undefined as number | undefined,
  };
  readonly #newest: SentPacket[] = [];

  constructor(rtt: RttEstimator) {
    this.#rtt = rtt;
    this.#reordering = new ReorderingWindow(rtt);
  }

  /** Probe timeouts since the last acknowledgement. */
  get probeCount(): number {
    return this.#probeCount;
  }

  /** Of whole datagrams, MTU probes with them. */
  get bytesInFlight(): number {
    return this.#inFlight.bytes;
  }

  get packetsInFlight(): number {
    return this.#inFlight.count;
  }

  /** So many packets are in flight that, whatever the window allows, none but probes may follow. */
  get isFull(): boolean {
    return this.#inFlight.end - this.#inFlight.start >= packetsInFlightLimit;
  }

  /** When `onTimeout` is due. Moves with every other call. */
  get deadline(): number | undefined {
    if (this.#lossAt !== undefined) return this.#lossAt;
    if (this.#inFlight.count > this.#mtuProbes) {
      const { ptoMs } = this.#rtt;
      return this.#lastSentAt + Math.max(ptoMs, Math.min(ptoMs * 2 ** this.#probeCount, this.maxPtoMs));
    }
    // An MTU probe alone in flight asks for no probe: it is given up, lest it fill a small window for ever.
    if (this.#mtuProbes > 0) return this.#lastMtuProbeAt + this.#rtt.ptoMs;
    if (this.#lost.count > 0) return this.#forgetAt;
    return undefined;
  }

  /** @throws RangeError when its number is not above all before it */
  onSent(packet: SentPacket): void {
    this.#inFlight.push(packet);
    this.#newestSent = packet.number;
    if (packet.isMtuProbe) {
      this.#mtuProbes += 1;
      this.#lastMtuProbeAt = packet.sentAt;
    } else {
      this.#lastSentAt = packet.sentAt;
    }
  }

  /** @param frame acknowledges nothing that was never sent; the caller has checked that. */
  onAck(now: number, frame: AckFrame): AckOutcome {
    const outcome = this.#beginOutcome();
    const { acknowledged, spurious } = outcome;
    this.#forgetLost(now);
    takeInto(acknowledged, this.#inFlight, frame);
    takeInto(spurious, this.#lost, frame);
    const largest = frame.ranges[0]?.largest ?? -1;
    // Numbers that are not in flight, such as those of packets that asked another address, say nothing of this path: what
    // went by a faster one overtakes all that is on its way here.
    const arrived = Math.max(acknowledged.at(-1)?.number ?? -1, spurious.at(-1)?.number ?? -1);
    this.#largestAcknowledged = Math.max(this.#largestAcknowledged, arrived);
    if (acknowledged.length === 0 && spurious.length === 0) return outcome;
    this.#probeCount = 0;
    for (const packet of spurious) {
      if (!packet.isMtuProbe) this.#reordering.onMistake(packet.number, this.#newestSent);
    }
    for (const packet of acknowledged) if (packet.isMtuProbe) this.#mtuProbes -= 1;
    const newest = acknowledged.at(-1);
    if (newest?.number === largest) {
      this.#rtt.sample(now - newest.sentAt, frame.delayUs / 1_000, now);
      this.#firstSampleAt ??= now;
      outcome.rttMs = this.#rtt.latestMs;
    }
    this.#takeLost(now);
    return outcome;
  }

  /** What the deadline was for: packets that are now lost by time, or a probe to be sent (two, RFC 9002, 6.2.4). */
  onTimeout(now: number): TimeoutOutcome {
    const outcome = this.#beginOutcome();
    this.#forgetLost(now);
    if (this.#lossAt !== undefined) {
      this.#takeLost(now);
    } else if (this.#inFlight.count > this.#mtuProbes) {
      this.#probeCount += 1;
      // The next deadline counts from the probe, which is sent at once.
      this.#lastSentAt = now;
      return probe;
    } else {
      while (this.#inFlight.count > 0) this.#giveUpOldest(now);
    }
    return { kind: 'lost', packets: outcome.lost, isPersistentCongestion: outcome.isPersistentCongestion };
  }

  /**
   * The newest in flight, newest first, at most `count`; those that many later ones have overtaken may be missing.
   * @returns the same array each time, good until the next call
   */
  newest(count: number): readonly SentPacket[] {
    this.#newest.length = 0;
    const lowest = Math.max(this.#inFlight.start, this.#inFlight.end - newestLookback);
    for (let place = this.#inFlight.end - 1; place >= lowest && this.#newest.length < count; place -= 1) {
      const packet = this.#inFlight.at(place);
      if (packet) this.#newest.push(packet);
    }
    return this.#newest;
  }

  /** Those that have waited longest for their acknowledgement, ascending, at most `count`. */
  oldest(count: number): SentPacket[] {
    const oldest: SentPacket[] = [];
    for (let place = this.#inFlight.start; place < this.#inFlight.end && oldest.length < count; place += 1) {
      const packet = this.#inFlight.at(place);
      if (packet) oldest.push(packet);
    }
    return oldest;
  }

  /** After a sign that the path works again, probes begin anew. */
  forgetBackoff(): void {
    this.#probeCount = 0;
  }

  /**
   * The path is gone: nothing is in flight any more, late acknowledgements mean nothing, and how packets overtake each
   * other is to be learned anew. The caller resets the round trip and the congestion controller.
   * @returns what was in flight, ascending, for what is to be sent again
   */
  abandon(): SentPacket[] {
    const packets = this.oldest(Infinity);
    this.#inFlight.clear();
    this.#lost.clear();
    this.#mtuProbes = 0;
    this.#lossAt = undefined;
    this.#probeCount = 0;
    this.#firstSampleAt = undefined;
    this.#reordering = new ReorderingWindow(this.#rtt);
    return packets;
  }

  /** Gives back what memory there is while nothing is in flight. */
  rest(): void {
    if (this.#inFlight.count === 0) this.#inFlight.clear();
    if (this.#lost.count === 0) this.#lost.clear();
    this.#beginOutcome();
    this.#newest.length = 0;
  }

  #beginOutcome() {
    const outcome = this.#outcome;
    outcome.acknowledged.length = 0;
    outcome.lost.length = 0;
    outcome.spurious.length = 0;
    outcome.isPersistentCongestion = false;
    outcome.rttMs = undefined;
    return outcome;
  }

  /** Moves what is lost by number or by time into the outcome, and finds out when the next will be. */
  #takeLost(now: number): void {
    const packets = this.#inFlight;
    const delayMs = this.#rtt.lossDelayWithin(this.#reordering.windowMs);
    const lostUpTo = this.#largestAcknowledged - this.#reordering.packetThreshold;
    const persistentMs = this.#rtt.ptoMs * persistentCongestionPtos;
    /** When the first packet was sent of those lost one behind the other, with none between that came through. */
    let runStartedAt: number | undefined;
    this.#lossAt = undefined;
    for (let place = packets.start; packets.reaches(place, this.#largestAcknowledged); place += 1) {
      const packet = packets.at(place);
      if (!packet) {
        runStartedAt = undefined;
        continue;
      }
      const lostAt = packet.sentAt + delayMs;
      if (now < lostAt && packet.number > lostUpTo) {
        // All behind it were sent later.
        this.#lossAt = lostAt;
        return;
      }
      this.#giveUpOldest(now);
      if (packet.isMtuProbe) continue;
      this.#reordering.onLoss(packet.number, this.#newestSent);
      // Without a sample at the time there was no telling how long to wait.
      if (this.#firstSampleAt === undefined || packet.sentAt < this.#firstSampleAt) continue;
      runStartedAt ??= packet.sentAt;
      if (packet.sentAt - runStartedAt > persistentMs) this.#outcome.isPersistentCongestion = true;
    }
  }

  #giveUpOldest(now: number): void {
    const place = this.#inFlight.start;
    const packet = this.#inFlight.at(place);
    if (!packet) throw new RangeError('nothing is in flight');
    this.#inFlight.removeAt(place);
    if (packet.isMtuProbe) this.#mtuProbes -= 1;
    this.#outcome.lost.push(packet);
    if (this.#lost.count === 0) {
      this.#forgetAt = now + this.#rtt.ptoMs * rememberedPtos;
      this.#forgetUpTo = -1;
    } else if (this.#lost.end - this.#lost.start >= rememberedPackets) {
      this.#lost.removeAt(this.#lost.start);
    }
    this.#lost.push(packet);
    this.#newestLost = packet.number;
  }

  #forgetLost(now: number): void {
    const lost = this.#lost;
    if (lost.count === 0 || now < this.#forgetAt) return;
    while (lost.reaches(lost.start, this.#forgetUpTo)) lost.removeAt(lost.start);
    this.#forgetUpTo = this.#newestLost;
    this.#forgetAt = now + this.#rtt.ptoMs * rememberedPtos;
  }
}

/** Moves what the frame acknowledges, ascending. */
function takeInto(taken: SentPacket[], packets: SentPackets, frame: AckFrame): void {
  let place = packets.start;
  for (let i = frame.ranges.length - 1; i >= 0 && packets.count > 0; i -= 1) {
    const range = frame.ranges[i];
    if (!range || !packets.reaches(packets.start, range.largest)) continue;
    place = packets.placeOf(range.smallest, place);
    for (; packets.reaches(place, range.largest); place += 1) {
      const packet = packets.at(place);
      if (!packet) continue;
      packets.removeAt(place);
      taken.push(packet);
    }
  }
}
