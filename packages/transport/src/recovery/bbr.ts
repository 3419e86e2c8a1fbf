/**
 * BBR, version 3 (draft-ietf-ccwg-bbr): a model of the path, its rate and its round trip when empty, decides how fast
 * datagrams leave and how many are in flight. Milliseconds and bytes. It differs from the draft where
 *
 *  - losses count as congestion only when the delay agrees (loss-evidence.ts), and then it gives way more (bbr-bounds.ts);
 *  - beside a flow that heeds no loss it does not give way, and probes as often as that one does;
 *  - a round trip close to the smallest makes looking for a smaller one unnecessary (min-rtt.ts);
 *  - the window has room for what timers of a millisecond make wait (`quantumMs`);
 *  - persistent congestion ends the model, where the draft speaks of timeouts of TCP.
 */
import { AckAggregation } from './ack-aggregation.js';
import { BbrBounds } from './bbr-bounds.js';
import { phaseRules, type BbrPhase, type PhaseRules } from './bbr-phase.js';
import type { AcknowledgedEvent, CongestionController, LostEvent } from './congestion-controller.js';
import type { RateSample } from './delivery-rate.js';
import { FullPipe } from './full-pipe.js';
import { initialWindowBytes } from './initial-window.js';
import { LossEvidence } from './loss-evidence.js';
import { MinRtt } from './min-rtt.js';
import { ProbeSchedule } from './probe-schedule.js';
import type { SentPacket } from './sent-packet.js';
import { UndoWatch } from './undo-watch.js';
import { WindowedMax } from './windowed-filter.js';

export interface BbrOptions {
  readonly datagramBytes: number;
  /** What the handshake measured; without it nothing is paced until the first acknowledgement. */
  readonly initialRttMs?: number;
  /** 0 up to 1, without it: flows that probe at random moments do not probe together. */
  readonly random: () => number;
}

/** Pace 1 % below the rate, so that queues drain. */
const pacingMargin = 0.01;
const minimumWindowDatagrams = 4;
/**
 * Timers fire on the millisecond on both sides: so much of the rate leaves, and is acknowledged, at once. On a LAN that
 * is many times what fills the path, and a window without it would wait for the event loop instead of for the path.
 */
const quantumMs = 2;
const probeRttMs = 200;
/** Startup ends with so many losses in a round trip that are congestion. */
const startupLosses = 6;

/** Beside a flow that probes so often (BBRv1) and gives way to nobody. */
const heedlessProbeRounds = 8;
/** After a probe, until its losses are over. */
const settlingRounds = 4;

/** Which probe the acknowledgements tell of that come in now. */
type AckPhase = 'none' | 'refilling' | 'probe-starting' | 'probe-feedback' | 'probe-stopping';

export class Bbr implements CongestionController {
  readonly name = 'bbr';
  #datagramBytes: number;
  #windowBytes: number;
  #pacingBytesPerMs: number;
  #smoothedRttMs: number | undefined;
  #phase: BbrPhase = 'startup';

  /** The fastest delivery of this probing cycle and the one before (BBR.max_bw), and what is made use of (BBR.bw). */
  readonly #maxBytesPerMs = new WindowedMax();
  #bytesPerMs = 0;
  #minRtt = new MinRtt();
  #aggregation = new AckAggregation();
  readonly #fullPipe = new FullPipe();
  #isPipeFilled = false;
  #bounds = new BbrBounds();
  #evidence = new LossEvidence();

  #deliveredBytes = 0;
  #lostBytes = 0;
  /** A round trip ends with the acknowledgement of a packet that left after so much had been delivered. */
  #roundEndBytes = 0;
  #isRoundStart = false;
  /** The window was full at some moment of this round, or of the last one. */
  #isWindowLimited = false;
  #isWindowFullInRound = false;
  /** Samples of packets that left before so much was delivered are low because of us: PROBE_RTT held them back. */
  #heldBackUntilBytes = -1;
  #isIdleRestart = false;

  #ackPhase: AckPhase = 'none';
  readonly #schedule: ProbeSchedule;
  #probeUpRounds = 0;
  /** The losses of the last probe were not answered yet. */
  #isProbeUnanswered = false;

  #probeRttDoneAt: number | undefined;
  #isProbeRttRoundDone = false;
  /** The window before PROBE_RTT. */
  #priorWindowBytes = 0;

  #undoPhase: BbrPhase = 'startup';
  readonly #undo = new UndoWatch();

  constructor(options: BbrOptions) {
    this.#schedule = new ProbeSchedule(options.random);
    this.#datagramBytes = options.datagramBytes;
    this.#windowBytes = initialWindowBytes(options.datagramBytes);
    this.#smoothedRttMs = options.initialRttMs;
    this.#pacingBytesPerMs = this.#initialPacing();
  }

  get windowBytes(): number {
    return this.#windowBytes;
  }

  get pacingBytesPerMs(): number {
    return this.#pacingBytesPerMs;
  }

  get phase(): BbrPhase {
    return this.#phase;
  }

  onSent(packet: SentPacket, bytesInFlight: number): void {
    if (bytesInFlight + packet.bytes + this.#datagramBytes > this.#windowBytes) {
      this.#isWindowLimited = true;
      this.#isWindowFullInRound = true;
    }
    if (bytesInFlight > 0 || !packet.delivery.isAppLimited) return;
    this.#isIdleRestart = true;
    this.#aggregation.restart(packet.sentAt);
    if (this.#rules.isProbingBandwidth) this.#pace(1);
    else if (this.#phase === 'probe-rtt') this.#checkProbeRttDone(packet.sentAt);
  }

  onAcknowledged(event: AcknowledgedEvent): void {
    const { now, rate, rttMs } = event;
    this.#deliveredBytes = rate.priorDeliveredBytes + rate.deliveredBytes;
    const isAppLimited = rate.isAppLimited || rate.priorDeliveredBytes <= this.#heldBackUntilBytes;
    this.#evidence.onAcknowledged(event.bytes, rttMs);
    this.#smoothedRttMs = event.smoothedRttMs;
    if (this.#pacingBytesPerMs === Infinity) this.#pacingBytesPerMs = this.#initialPacing();

    const isLossRoundStart = this.#bounds.onSample(rate);
    this.#updateRound(rate);
    this.#updateMaximum(rate, isAppLimited);
    const isCongested = isLossRoundStart && this.#isLossRoundCongested();
    if (isCongested && !this.#rules.isAccelerating) {
      this.#bounds.lowerShortterm(this.#maxBytesPerMs.value, this.#windowBytes);
    }
    this.#aggregation.onAcknowledged(now, event.bytes, this.#bytesPerMs, this.#windowBytes);

    this.#checkFullPipe(rate, isAppLimited);
    if (this.#phase === 'startup') this.#checkStartupDone(isCongested);
    if (this.#phase === 'drain' && event.bytesInFlight <= this.#inflightBytes(1)) this.#startDown(now);
    if (this.#isPipeFilled) this.#advanceCycle(event, isAppLimited);
    this.#minRtt.onAcknowledged(now, rttMs);
    this.#checkProbeRtt(now, event.bytesInFlight);

    if (isLossRoundStart) {
      this.#bounds.endRound(rate);
      this.#evidence.endRound(this.#minRtt.ms, this.#isCruising);
      if (this.#evidence.isOtherHeedless) this.#bounds.resetShortterm();
    }
    this.#bytesPerMs = Math.min(this.#maxBytesPerMs.value, this.#bounds.bytesPerMsShortterm);
    this.#pace(this.#rules.pacingGain);
    this.#setWindow(event.bytes);
  }

  onLost(event: LostEvent): void {
    if (event.isPersistentCongestion) {
      this.#lostBytes += event.bytes;
      this.#forgetPath();
      return;
    }
    for (const packet of event.packets) {
      this.#lostBytes += packet.bytes;
      this.#evidence.onLost(packet.bytes);
      if (this.#bounds.onLost(this.#deliveredBytes)) {
        this.#undoPhase = this.#phase;
        this.#undo.begin(packet.number);
      }
      this.#undo.onLost(1);
      if (this.#isProbeUnanswered) this.#judgeProbe(event.now, packet);
    }
  }

  onSpuriousLoss(_now: number, packets: readonly SentPacket[]): void {
    if (!this.#undo.onSpuriousLoss(packets)) return;
    this.#bounds.undo();
    this.#fullPipe.restart(0);
    if (this.#phase === 'probe-rtt' || this.#phase === this.#undoPhase) return;
    if (this.#undoPhase === 'startup') this.#startStartup();
    else if (this.#undoPhase === 'probe-bw-up') this.#startUp(0);
  }

  onDatagramSizeChanged(datagramBytes: number): void {
    const isUntouched = this.#windowBytes === initialWindowBytes(this.#datagramBytes);
    this.#datagramBytes = datagramBytes;
    const leastBytes = isUntouched ? initialWindowBytes(datagramBytes) : this.#minimumWindowBytes;
    this.#windowBytes = Math.max(this.#windowBytes, leastBytes);
  }

  get #minimumWindowBytes(): number {
    return minimumWindowDatagrams * this.#datagramBytes;
  }

  get #rules(): PhaseRules {
    return phaseRules[this.#phase];
  }

  // ── the model ──

  #updateRound(rate: RateSample): void {
    this.#isRoundStart = rate.priorDeliveredBytes >= this.#roundEndBytes;
    if (!this.#isRoundStart) return;
    this.#startRound();
    this.#isWindowLimited = this.#isWindowFullInRound;
    this.#isWindowFullInRound = false;
    this.#schedule.onRound();
    this.#aggregation.onRound(this.#isPipeFilled);
  }

  #startRound(): void {
    this.#roundEndBytes = this.#deliveredBytes;
  }

  #updateMaximum(rate: RateSample, isAppLimited: boolean): void {
    const { bytesPerMs } = rate;
    if (bytesPerMs === undefined) return;
    // The path is at least as fast as anything it has delivered; slower, only when nothing else held it back.
    if (!isAppLimited || bytesPerMs >= this.#maxBytesPerMs.value) this.#maxBytesPerMs.add(bytesPerMs);
  }

  #isLossRoundCongested(): boolean {
    return this.#bounds.hasLossInRound && this.#evidence.isRoundCongested(this.#datagramBytes, this.#minRtt.ms);
  }

  #checkFullPipe(rate: RateSample, isAppLimited: boolean): void {
    if (!this.#isRoundStart || isAppLimited || rate.bytesPerMs === undefined) return;
    this.#fullPipe.onRound(rate.bytesPerMs);
    if (this.#fullPipe.isFull) this.#isPipeFilled = true;
  }

  // ── what the path holds ──

  /** The bytes that fill the path (BBR.bdp). */
  get #pathBytes(): number {
    const minRttMs = this.#minRtt.ms;
    return minRttMs === Infinity ? initialWindowBytes(this.#datagramBytes) : this.#bytesPerMs * minRttMs;
  }

  #inflightBytes(gain: number): number {
    const quantumBytes = this.#bytesPerMs * quantumMs;
    const bytes = Math.max(gain * this.#pathBytes + quantumBytes, this.#minimumWindowBytes);
    return this.#phase === 'probe-bw-up' ? bytes + 2 * this.#datagramBytes : bytes;
  }

  get #targetInflightBytes(): number {
    return Math.min(this.#pathBytes, this.#windowBytes);
  }

  get #probeRttWindowBytes(): number {
    return Math.max(phaseRules['probe-rtt'].windowGain * this.#pathBytes, this.#minimumWindowBytes);
  }

  // ── startup and drain ──

  #startStartup(): void {
    this.#phase = 'startup';
    this.#isPipeFilled = false;
  }

  #checkStartupDone(isCongested: boolean): void {
    if (isCongested && this.#evidence.roundLosses >= startupLosses) {
      this.#isPipeFilled = true;
      this.#bounds.boundStartup(this.#pathBytes);
    }
    if (this.#isPipeFilled) this.#phase = 'drain';
  }

  /** Nothing came through for so long that it may be another path. */
  #forgetPath(): void {
    this.#startStartup();
    this.#maxBytesPerMs.clear();
    this.#bytesPerMs = 0;
    this.#minRtt = new MinRtt();
    this.#aggregation = new AckAggregation();
    this.#bounds = new BbrBounds();
    this.#evidence = new LossEvidence();
    this.#fullPipe.restart(0);
    this.#undo.forget();
    this.#ackPhase = 'none';
    this.#isProbeUnanswered = false;
    this.#probeRttDoneAt = undefined;
    this.#priorWindowBytes = 0;
    this.#windowBytes = this.#minimumWindowBytes;
    this.#pacingBytesPerMs = this.#initialPacing();
  }

  // ── the cycle of probing for bandwidth ──

  #startDown(now: number): void {
    this.#phase = 'probe-bw-down';
    this.#bounds.resetSignals();
    this.#schedule.restart(now);
    this.#ackPhase = 'probe-stopping';
    this.#startRound();
  }

  #startRefill(): void {
    this.#phase = 'probe-bw-refill';
    this.#bounds.resetShortterm();
    this.#probeUpRounds = 0;
    this.#ackPhase = 'refilling';
    this.#startRound();
  }

  #startUp(bytesPerMs: number): void {
    this.#phase = 'probe-bw-up';
    this.#ackPhase = 'probe-starting';
    this.#startRound();
    this.#fullPipe.restart(bytesPerMs);
  }

  #advanceCycle(event: AcknowledgedEvent, isAppLimited: boolean): void {
    const { now, rate, bytesInFlight } = event;
    this.#advanceAckPhase(isAppLimited);
    this.#raiseLongterm(event.bytes, rate);
    switch (this.#phase) {
      case 'probe-bw-down':
      case 'probe-bw-cruise':
        if (this.#isProbeDue(now)) this.#startRefill();
        else if (this.#phase === 'probe-bw-down' && this.#isDrained(bytesInFlight)) this.#phase = 'probe-bw-cruise';
        return;
      case 'probe-bw-refill':
        if (!this.#isRoundStart) return;
        this.#isProbeUnanswered = true;
        this.#startUp(rate.bytesPerMs ?? 0);
        return;
      case 'probe-bw-up':
        // As long as the bound holds it back, its rate cannot grow: that says nothing about the path.
        if (this.#isWindowLimited && this.#windowBytes >= this.#bounds.inflightLongtermBytes) {
          this.#fullPipe.restart(rate.bytesPerMs ?? 0);
        } else if (this.#fullPipe.isFull) {
          this.#startDown(now);
        }
        return;
      case 'startup':
      case 'drain':
      case 'probe-rtt':
        return;
    }
  }

  /** What a probe of ours has overfilled has drained by now. */
  get #isCruising(): boolean {
    const { isProbingBandwidth, isAccelerating } = this.#rules;
    return isProbingBandwidth && !isAccelerating && this.#schedule.rounds >= settlingRounds;
  }

  #isProbeDue(now: number): boolean {
    const renoRounds = this.#targetInflightBytes / this.#datagramBytes;
    return this.#schedule.isDue(now, this.#evidence.isOtherHeedless ? heedlessProbeRounds : renoRounds);
  }

  #isDrained(bytesInFlight: number): boolean {
    const headroomBytes = Math.max(this.#bounds.withHeadroomBytes(this.#datagramBytes), this.#minimumWindowBytes);
    return bytesInFlight <= headroomBytes && bytesInFlight <= this.#inflightBytes(1);
  }

  #advanceAckPhase(isAppLimited: boolean): void {
    if (!this.#isRoundStart) return;
    if (this.#ackPhase === 'probe-starting') this.#ackPhase = 'probe-feedback';
    if (this.#ackPhase !== 'probe-stopping') return;
    // The last samples of the probe are in: they end the cycle that the filter of the rate counts in.
    this.#ackPhase = 'none';
    this.#isProbeUnanswered = false;
    if (this.#rules.isProbingBandwidth && !isAppLimited) this.#maxBytesPerMs.endPeriod();
  }

  #raiseLongterm(acknowledgedBytes: number, rate: RateSample): void {
    const bounds = this.#bounds;
    if (bounds.inflightLongtermBytes === Infinity) return;
    if (this.#isCongestion(rate.lostBytes, rate.inFlightBytes)) return;
    bounds.raiseLongterm(rate.inFlightBytes);
    if (this.#phase !== 'probe-bw-up') return;
    if (this.#isRoundStart) this.#probeUpRounds = Math.min(this.#probeUpRounds + 1, 30);
    if (!this.#isWindowLimited || this.#windowBytes < bounds.inflightLongtermBytes) return;
    // One datagram in the first round trip, then two, four and so on, spread over the acknowledgements of the round.
    const growthBytes = this.#datagramBytes * 2 ** this.#probeUpRounds;
    const grownBytes = acknowledgedBytes * Math.min(growthBytes / this.#windowBytes, 1);
    bounds.raiseLongterm(bounds.inflightLongtermBytes + grownBytes);
  }

  #isCongestion(lostBytes: number, ofBytes: number): boolean {
    return this.#evidence.isCongestion(lostBytes, ofBytes, this.#datagramBytes, this.#minRtt.ms);
  }

  /** A packet was lost that left during a probe: was more in flight than the path holds? */
  #judgeProbe(now: number, packet: SentPacket): void {
    const { inFlightBytes, isAppLimited } = packet.delivery;
    const lostBytes = this.#lostBytes - packet.delivery.lostBytes;
    if (!this.#isCongestion(lostBytes, inFlightBytes)) return;
    this.#isProbeUnanswered = false;
    if (!isAppLimited) {
      const atThresholdBytes = this.#inflightAtThreshold(packet, lostBytes);
      this.#bounds.giveWay(atThresholdBytes, this.#pathBytes, this.#targetInflightBytes);
    }
    if (this.#phase === 'probe-bw-up') this.#startDown(now);
  }

  /** How much was in flight when the share of losses passed the threshold (BBRInflightAtLoss). */
  #inflightAtThreshold(packet: SentPacket, lostBytes: number): number {
    const share = this.#evidence.threshold;
    const beforeBytes = packet.delivery.inFlightBytes - packet.bytes;
    const lostBeforeBytes = lostBytes - packet.bytes;
    return beforeBytes + Math.max(share * beforeBytes - lostBeforeBytes, 0) / (1 - share);
  }

  // ── looking for the empty path's round trip ──

  #checkProbeRtt(now: number, bytesInFlight: number): void {
    if (this.#phase !== 'probe-rtt' && this.#minRtt.isProbeDue && !this.#isIdleRestart) {
      this.#priorWindowBytes = this.#windowBytes;
      this.#phase = 'probe-rtt';
      this.#probeRttDoneAt = undefined;
      this.#ackPhase = 'probe-stopping';
      this.#startRound();
    }
    if (this.#phase === 'probe-rtt') this.#probeRtt(now, bytesInFlight);
    this.#isIdleRestart = false;
  }

  #probeRtt(now: number, bytesInFlight: number): void {
    this.#heldBackUntilBytes = this.#deliveredBytes + bytesInFlight;
    if (this.#probeRttDoneAt === undefined) {
      if (bytesInFlight > this.#probeRttWindowBytes) return;
      this.#probeRttDoneAt = now + probeRttMs;
      this.#isProbeRttRoundDone = false;
      this.#startRound();
      return;
    }
    if (this.#isRoundStart) this.#isProbeRttRoundDone = true;
    if (this.#isProbeRttRoundDone) this.#checkProbeRttDone(now);
  }

  #checkProbeRttDone(now: number): void {
    if (this.#probeRttDoneAt === undefined || now <= this.#probeRttDoneAt) return;
    this.#minRtt.onProbeDone(now);
    this.#windowBytes = Math.max(this.#windowBytes, this.#priorWindowBytes);
    this.#bounds.resetShortterm();
    if (!this.#isPipeFilled) {
      this.#startStartup();
      return;
    }
    // The path is drained already, so cruising can begin; the next probe for more waits, as it might bring losses.
    this.#startDown(now);
    this.#phase = 'probe-bw-cruise';
  }

  // ── what the model makes of it ──

  #initialPacing(): number {
    const rttMs = this.#smoothedRttMs;
    if (rttMs === undefined || rttMs <= 0) return Infinity;
    return (phaseRules.startup.pacingGain * initialWindowBytes(this.#datagramBytes)) / rttMs;
  }

  #pace(gain: number): void {
    const bytesPerMs = gain * this.#bytesPerMs * (1 - pacingMargin);
    if (bytesPerMs <= 0) return;
    // Before the path was filled the samples are low because of us.
    if (this.#isPipeFilled || bytesPerMs > this.#pacingBytesPerMs) this.#pacingBytesPerMs = bytesPerMs;
  }

  #setWindow(acknowledgedBytes: number): void {
    const mostBytes = this.#inflightBytes(this.#rules.windowGain) + this.#aggregation.extraBytes;
    const grownBytes = this.#windowBytes + acknowledgedBytes;
    let windowBytes = this.#windowBytes;
    if (this.#isPipeFilled) windowBytes = Math.min(grownBytes, mostBytes);
    else if (windowBytes < mostBytes || this.#deliveredBytes < initialWindowBytes(this.#datagramBytes)) {
      windowBytes = grownBytes;
    }
    if (this.#phase === 'probe-rtt') windowBytes = Math.min(windowBytes, this.#probeRttWindowBytes);
    windowBytes = Math.min(windowBytes, this.#volumeCapBytes, this.#bounds.inflightShorttermBytes);
    this.#windowBytes = Math.max(windowBytes, this.#minimumWindowBytes);
  }

  get #volumeCapBytes(): number {
    switch (this.#rules.longtermBound) {
      case 'none':
        return Infinity;
      case 'whole':
        return this.#bounds.inflightLongtermBytes;
      case 'with-headroom':
        return this.#bounds.withHeadroomBytes(this.#datagramBytes);
    }
  }
}
