import { transportLimits } from '../limits.js';

/** RFC 9002, section 6.2.2: assumed until the first sample. */
const initialRttMs = 333;
const granularityMs = 1;
/** The smallest round trip is that of the last 10 to 20 s: a route may become longer. */
const minWindowMs = 10_000;

/** Round-trip time as RFC 9002, section 5, estimates it, but for two points. Milliseconds, with fractions. */
export class RttEstimator {
  #latestMs = 0;
  #smoothedMs: number | undefined;
  #variationMs = initialRttMs / 2;
  #isProvisional = true;
  /** Of the current span of `minWindowMs`, and of the one before. */
  #minMs = Infinity;
  #previousMinMs = Infinity;
  #minSince = 0;

  /** Undefined before the first sample or seed. */
  get smoothedMs(): number | undefined {
    return this.#smoothedMs;
  }

  get latestMs(): number {
    return this.#latestMs;
  }

  /** The smallest sample of the last 10 to 20 s, less the peer's delay; undefined before the first sample. */
  get minMs(): number | undefined {
    const minMs = Math.min(this.#minMs, this.#previousMinMs);
    return minMs === Infinity ? undefined : minMs;
  }

  /**
   * Takes the round trip of the handshake. It holds two Diffie-Hellmans of each side, so the first sample of a packet
   * replaces it.
   */
  seed(rttMs: number): void {
    if (this.#isProvisional) this.#restart(rttMs);
  }

  /**
   * @param ackDelayMs how long the peer says that its acknowledgement waited. It is always subtracted, while the RFC
   * looks at the smallest sample first: in a chat most acknowledgements wait, and the smallest sample did too. A peer
   * that lies gains at most 25 ms, for packets to itself.
   * @param now without it the smallest sample is that of all times
   */
  sample(rttMs: number, ackDelayMs: number, now = 0): void {
    const delayMs = Math.min(ackDelayMs, transportLimits.maxAckDelayMs);
    const adjustedMs = rttMs > delayMs ? rttMs - delayMs : rttMs;
    if (this.#smoothedMs === undefined || this.#isProvisional) {
      this.#isProvisional = false;
      this.#restart(adjustedMs);
    } else {
      this.#variationMs = 0.75 * this.#variationMs + 0.25 * Math.abs(this.#smoothedMs - adjustedMs);
      this.#smoothedMs = 0.875 * this.#smoothedMs + 0.125 * adjustedMs;
    }
    this.#latestMs = adjustedMs;
    this.#takeMin(now, adjustedMs);
  }

  /** Another path: what was measured says nothing about it (RFC 9000, section 9.4). */
  reset(): void {
    this.#latestMs = 0;
    this.#smoothedMs = undefined;
    this.#variationMs = initialRttMs / 2;
    this.#isProvisional = true;
    this.#minMs = Infinity;
    this.#previousMinMs = Infinity;
  }

  /** The probe timeout before any backoff (RFC 9002, section 6.2.1). */
  get ptoMs(): number {
    const variationMs = Math.max(4 * this.#variationMs, granularityMs);
    return (this.#smoothedMs ?? initialRttMs) + variationMs + transportLimits.maxAckDelayMs;
  }

  /** A packet sent this long before a newer one that arrived is lost (RFC 9002, section 6.1.2). */
  get lossDelayMs(): number {
    return this.lossDelayWithin(0);
  }

  /**
   * The same where packets are known to overtake each other by up to `reorderingMs`: a round trip, and an eighth of it
   * or that, whichever is more (RFC 8985, section 6.2).
   */
  lossDelayWithin(reorderingMs: number): number {
    const rttMs = Math.max(this.#smoothedMs ?? initialRttMs, this.#latestMs);
    return Math.max(rttMs + Math.max(rttMs / 8, reorderingMs), granularityMs);
  }

  /** Two spans, the current and the one before, slide well enough, and need two numbers. */
  #takeMin(now: number, rttMs: number): void {
    const elapsedMs = now - this.#minSince;
    if (elapsedMs >= minWindowMs) {
      this.#previousMinMs = elapsedMs < 2 * minWindowMs ? this.#minMs : Infinity;
      this.#minMs = Infinity;
      this.#minSince = now;
    }
    this.#minMs = Math.min(this.#minMs, rttMs);
  }

  #restart(rttMs: number): void {
    this.#latestMs = rttMs;
    this.#smoothedMs = rttMs;
    this.#variationMs = rttMs / 2;
  }
}
