/**
 * How long a packet is waited for after a later one has arrived (RFC 8985, section 6.2). On most paths packets keep
 * their order, and three later ones show a loss (RFC 9002, section 6.1.1). Once a packet taken for lost arrives after
 * all, the path is known to reorder, and time alone decides: in steps of a quarter of the smallest round trip, one more
 * for each round trip with such a mistake, up to a smoothed round trip.
 */
import type { RttEstimator } from './rtt.js';

/** A packet that overtakes another by this many numbers shows it lost, where packets keep their order. */
const packetThreshold = 3;
const stepsPerRoundTrip = 4;
/** So many recoveries in a row without a mistake, and the window was too wide (RFC 8985, section 6.2, step 4). */
const recoveriesWithoutMistake = 16;

export class ReorderingWindow {
  readonly #rtt: RttEstimator;
  /** 0: the path has shown no reordering, or none for long. */
  #steps = 0;
  #recoveriesLeft = recoveriesWithoutMistake;
  /** The newest packet sent when the window last grew, and when the last recovery began. */
  #grownAt = -1;
  #recoveryStartedAt = -1;

  constructor(rtt: RttEstimator) {
    this.#rtt = rtt;
  }

  /** A packet is lost when one sent so many numbers later has arrived; Infinity where packets overtake each other. */
  get packetThreshold(): number {
    return this.#steps === 0 ? packetThreshold : Infinity;
  }

  /** How long after the moment at which its acknowledgement was to come a packet may still come. */
  get windowMs(): number {
    const stepMs = (this.#rtt.minMs ?? 0) / stepsPerRoundTrip;
    return Math.min(this.#steps * stepMs, this.#rtt.smoothedMs ?? 0);
  }

  /** A packet arrived that had been taken for lost. @param newestSent the newest number sent so far */
  onMistake(number: number, newestSent: number): void {
    this.#recoveriesLeft = recoveriesWithoutMistake;
    // Others of the same round trip tell of a window that is wider by now.
    if (number <= this.#grownAt) return;
    this.#grownAt = newestSent;
    if (this.#steps === 0 || this.windowMs < (this.#rtt.smoothedMs ?? 0)) this.#steps += 1;
  }

  /** A packet is taken for lost. One recovery is all losses among what was sent before the first of them was noticed. */
  onLoss(number: number, newestSent: number): void {
    if (number <= this.#recoveryStartedAt) return;
    this.#recoveryStartedAt = newestSent;
    if (this.#steps === 0) return;
    this.#recoveriesLeft -= 1;
    if (this.#recoveriesLeft > 0) return;
    // By way of the smallest window, as a path that reorders mostly goes on to.
    this.#steps = this.#steps > 1 ? 1 : 0;
    this.#recoveriesLeft = recoveriesWithoutMistake;
  }
}
