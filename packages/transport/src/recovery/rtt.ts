import { transportLimits } from '../limits.js';

/** RFC 9002, section 6.2.2: assumed until the first sample. */
const initialRttMs = 333;
const granularityMs = 1;

/** Round-trip time as RFC 9002, section 5, estimates it, but for two points. Milliseconds, with fractions. */
export class RttEstimator {
  #latestMs = 0;
  #smoothedMs: number | undefined;
  #variationMs = initialRttMs / 2;
  #isProvisional = true;

  /** Undefined before the first sample. */
  get smoothedMs(): number | undefined {
    return this.#smoothedMs;
  }

  get latestMs(): number {
    return this.#latestMs;
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
   */
  sample(rttMs: number, ackDelayMs: number): void {
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

  #restart(rttMs: number): void {
    this.#latestMs = rttMs;
    this.#smoothedMs = rttMs;
    this.#variationMs = rttMs / 2;
  }
}
