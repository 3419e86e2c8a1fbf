/** CUBIC (RFC 9438) with HyStart++ (RFC 9406). Windows in bytes, times in milliseconds. */
import type { AcknowledgedEvent, CongestionController, LostEvent } from './congestion-controller.js';
import { HyStart } from './hystart.js';
import { initialWindowBytes } from './initial-window.js';
import type { SentPacket } from './sent-packet.js';
import { UndoWatch } from './undo-watch.js';

/** C of RFC 9438, section 5: datagrams for each cubic second. */
const scale = 0.4;
/** beta_cubic. */
const decrease = 0.7;
/** How much faster than one window a round trip datagrams may leave, so that the pacing never holds the window back. */
const slowStartGain = 2;
const avoidanceGain = 1.25;
const minimumWindowDatagrams = 2;

/** What a loss takes away. */
interface Epoch {
  readonly windowBytes: number;
  readonly thresholdBytes: number;
  readonly maximumBytes: number;
  readonly startedAt: number | undefined;
  readonly startWindowBytes: number;
  readonly originMs: number;
  readonly renoBytes: number;
}

export class Cubic implements CongestionController {
  readonly name = 'cubic';
  #datagramBytes: number;
  #windowBytes: number;
  #thresholdBytes = Infinity;
  readonly #hyStart = new HyStart();

  /** W_max, the window of the last reduction. */
  #maximumBytes = 0;
  /** Congestion avoidance began at this moment, with this window; undefined before its first acknowledgement. */
  #epochStartedAt: number | undefined;
  #epochWindowBytes = 0;
  /** K: how long after its beginning the window is at W_max. */
  #originMs = 0;
  /** W_est: the window that Reno would have. */
  #renoBytes = 0;

  #smoothedRttMs: number | undefined;
  #lastSentAt = 0;
  /** Packets sent up to this one belong to the last reduction; their further losses change nothing. */
  #recoveryUntil = -1;
  #newestSent = -1;
  #newestAcknowledged = -1;
  readonly #undo = new UndoWatch();
  #undoEpoch: Epoch | undefined;

  constructor(options: { readonly datagramBytes: number }) {
    this.#datagramBytes = options.datagramBytes;
    this.#windowBytes = initialWindowBytes(options.datagramBytes);
  }

  get windowBytes(): number {
    return this.#windowBytes;
  }

  get pacingBytesPerMs(): number {
    if (this.#smoothedRttMs === undefined || this.#smoothedRttMs <= 0) return Infinity;
    const gain = this.#isSlowStart ? slowStartGain : avoidanceGain;
    return (gain * this.#windowBytes) / this.#smoothedRttMs;
  }

  get phase(): 'slow-start' | 'conservative-slow-start' | 'recovery' | 'congestion-avoidance' {
    if (this.#newestAcknowledged < this.#recoveryUntil) return 'recovery';
    if (!this.#isSlowStart) return 'congestion-avoidance';
    return this.#hyStart.isConservative ? 'conservative-slow-start' : 'slow-start';
  }

  onSent(packet: SentPacket, bytesInFlight: number): void {
    // The clock of the cubic curve stands while there is nothing to send (RFC 9438, section 5.8). The window stays: pacing
    // spreads it over a round trip, so that no burst leaves.
    if (bytesInFlight === 0 && this.#epochStartedAt !== undefined && packet.delivery.isAppLimited) {
      this.#epochStartedAt += packet.sentAt - this.#lastSentAt;
    }
    this.#lastSentAt = packet.sentAt;
    this.#newestSent = packet.number;
  }

  onAcknowledged(event: AcknowledgedEvent): void {
    this.#smoothedRttMs = event.smoothedRttMs;
    let countedBytes = 0;
    for (const packet of event.packets) {
      if (packet.number > this.#newestAcknowledged) this.#newestAcknowledged = packet.number;
      if (packet.number > this.#recoveryUntil) countedBytes += packet.bytes;
    }
    if (this.#isSlowStart) {
      if (this.#hyStart.onAcknowledged(event.rttMs, this.#newestAcknowledged, this.#newestSent)) {
        this.#thresholdBytes = this.#windowBytes;
      }
    }
    // A window that was not used was not put to the test (RFC 9002, section 7.8).
    const isUsed = !event.rate.isAppLimited && event.priorBytesInFlight * 2 >= this.#windowBytes;
    if (countedBytes === 0 || !isUsed) return;
    if (this.#isSlowStart) this.#windowBytes += countedBytes / this.#hyStart.growthDivisor;
    else this.#avoid(event.now, countedBytes, event.smoothedRttMs);
  }

  onLost(event: LostEvent): void {
    let newest = -1;
    let oldest = Infinity;
    for (const { number } of event.packets) {
      if (number > newest) newest = number;
      if (number < oldest) oldest = number;
    }
    if (newest > this.#recoveryUntil) {
      this.#undo.begin(oldest);
      this.#undoEpoch = this.#epoch();
      this.#recoveryUntil = this.#newestSent;
      this.#reduce();
    }
    this.#undo.onLost(event.packets.length);
    if (event.isPersistentCongestion) {
      this.#windowBytes = this.#minimumWindowBytes;
      this.#undo.forget();
      this.#hyStart.restart();
    }
  }

  onSpuriousLoss(_now: number, packets: readonly SentPacket[]): void {
    // One packet that was lost indeed is reason enough for the reduction (RFC 9438, section 4.9.2).
    const epoch = this.#undoEpoch;
    if (!this.#undo.onSpuriousLoss(packets) || epoch === undefined) return;
    this.#recoveryUntil = -1;
    this.#windowBytes = Math.max(this.#windowBytes, epoch.windowBytes);
    this.#thresholdBytes = epoch.thresholdBytes;
    this.#maximumBytes = epoch.maximumBytes;
    this.#epochStartedAt = epoch.startedAt;
    this.#epochWindowBytes = epoch.startWindowBytes;
    this.#originMs = epoch.originMs;
    this.#renoBytes = epoch.renoBytes;
  }

  onDatagramSizeChanged(datagramBytes: number): void {
    const isUntouched = this.#windowBytes === initialWindowBytes(this.#datagramBytes);
    this.#datagramBytes = datagramBytes;
    const leastBytes = isUntouched ? initialWindowBytes(datagramBytes) : this.#minimumWindowBytes;
    this.#windowBytes = Math.max(this.#windowBytes, leastBytes);
  }

  get #isSlowStart(): boolean {
    return this.#windowBytes < this.#thresholdBytes;
  }

  get #minimumWindowBytes(): number {
    return minimumWindowDatagrams * this.#datagramBytes;
  }

  /** RFC 9438, sections 4.6 and 4.7. */
  #reduce(): void {
    const windowBytes = this.#windowBytes;
    // A window below the last maximum says that others want a share: let go of some more.
    this.#maximumBytes = windowBytes < this.#maximumBytes ? (windowBytes * (1 + decrease)) / 2 : windowBytes;
    this.#windowBytes = Math.max(windowBytes * decrease, this.#minimumWindowBytes);
    this.#thresholdBytes = this.#windowBytes;
    this.#epochStartedAt = undefined;
  }

  /** RFC 9438, sections 4.2 to 4.5. */
  #avoid(now: number, bytes: number, rttMs: number): void {
    if (this.#epochStartedAt === undefined) this.#startEpoch(now);
    const windowBytes = this.#windowBytes;
    const elapsedMs = now - (this.#epochStartedAt ?? now);

    const isBeyondPrior = this.#renoBytes >= this.#maximumBytes;
    const growth = isBeyondPrior ? 1 : (3 * (1 - decrease)) / (1 + decrease);
    this.#renoBytes += (growth * this.#datagramBytes * bytes) / windowBytes;
    if (this.#curveBytes(elapsedMs) < this.#renoBytes) {
      this.#windowBytes = Math.max(windowBytes, this.#renoBytes);
      return;
    }
    const targetBytes = Math.min(Math.max(this.#curveBytes(elapsedMs + rttMs), windowBytes), 1.5 * windowBytes);
    this.#windowBytes += ((targetBytes - windowBytes) * bytes) / windowBytes;
  }

  #startEpoch(now: number): void {
    this.#epochStartedAt = now;
    this.#epochWindowBytes = this.#windowBytes;
    this.#renoBytes = this.#windowBytes;
    // After slow start without a loss there is no maximum to come back to.
    if (this.#maximumBytes < this.#windowBytes) this.#maximumBytes = this.#windowBytes;
    const missingDatagrams = (this.#maximumBytes - this.#epochWindowBytes) / this.#datagramBytes;
    this.#originMs = 1_000 * Math.cbrt(missingDatagrams / scale);
  }

  /** W_cubic. */
  #curveBytes(elapsedMs: number): number {
    const seconds = (elapsedMs - this.#originMs) / 1_000;
    return scale * seconds ** 3 * this.#datagramBytes + this.#maximumBytes;
  }

  #epoch(): Epoch {
    return {
      windowBytes: this.#windowBytes,
      thresholdBytes: this.#thresholdBytes,
      maximumBytes: this.#maximumBytes,
      startedAt: this.#epochStartedAt,
      startWindowBytes: this.#epochWindowBytes,
      originMs: this.#originMs,
      renoBytes: this.#renoBytes,
    };
  }
}
