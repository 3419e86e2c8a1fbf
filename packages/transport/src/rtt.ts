import { transportLimits } from './limits.js';

/** RFC 9002, section 6.2.2: assumed until the first sample. */
const initialRttMs = 333;
const granularityMs = 1;

/** Round-trip time as RFC 9002, section 5, estimates it. Milliseconds, with fractions. */
export class RttEstimator {
  #latestMs = 0;
  #minMs = 0;
  #smoothedMs: number | undefined;
  #variationMs = initialRttMs / 2;

  /** Undefined before the first sample. */
  get smoothedMs(): number | undefined {
    return this.#smoothedMs;
  }

  get latestMs(): number {
    return this.#latestMs;
  }

  /** @param ackDelayMs how long the peer says that its acknowledgement waited. */
  sample(rttMs: number, ackDelayMs: number): void {
    this.#latestMs = rttMs;
    if (this.#smoothedMs === undefined) {
      this.#minMs = rttMs;
      this.#smoothedMs = rttMs;
      this.#variationMs = rttMs / 2;
      return;
    }
    this.#minMs = Math.min(this.#minMs, rttMs);
    const delayMs = Math.min(ackDelayMs, transportLimits.maxAckDelayMs);
    const adjustedMs = rttMs >= this.#minMs + delayMs ? rttMs - delayMs : rttMs;
    this.#variationMs = 0.75 * this.#variationMs + 0.25 * Math.abs(this.#smoothedMs - adjustedMs);
    this.#smoothedMs = 0.875 * this.#smoothedMs + 0.125 * adjustedMs;
  }

  /** The probe timeout before any backoff (RFC 9002, section 6.2.1). */
  get ptoMs(): number {
    const variationMs = Math.max(4 * this.#variationMs, granularityMs);
    return (this.#smoothedMs ?? initialRttMs) + variationMs + transportLimits.maxAckDelayMs;
  }

  /** A packet sent this long before a newer one that arrived is lost (RFC 9002, section 6.1.2). */
  get lossDelayMs(): number {
    return Math.max((9 / 8) * Math.max(this.#smoothedMs ?? initialRttMs, this.#latestMs), granularityMs);
  }
}
