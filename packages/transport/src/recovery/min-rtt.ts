/** The round trip of the path without its queues (draft-ietf-ccwg-bbr, sections 5.3.4.3 and 5.5.7). Milliseconds. */

/** How long a smallest sample counts. */
const filterMs = 10_000;
/** How long without a look at the empty path before one is forced. */
const probeIntervalMs = 5_000;
/**
 * A sample this close to the smallest says that no queue to speak of stands: the smallest is still right, and there is
 * no need to drain the path for a look. The draft asks for a smaller one, which a path with a steady round trip never gives
 * again, and so gives up 2 % of the rate and a dip every 5 s. Below a millisecond the event loop's own delays hide a queue.
 */
const sameShare = 1 / 16;
const sameMs = 1;

export class MinRtt {
  #minMs = Infinity;
  #measuredAt = 0;
  #recentMinMs = Infinity;
  #recentAt = -Infinity;
  #isProbeDue = false;

  /** Infinity before the first sample. */
  get ms(): number {
    return this.#minMs;
  }

  /** Set for the one sample that found nothing close to the smallest in the last 5 s. */
  get isProbeDue(): boolean {
    return this.#isProbeDue;
  }

  /** On every acknowledgement; `rttMs` is undefined when it gave no sample. */
  onAcknowledged(now: number, rttMs: number | undefined): void {
    if (rttMs === undefined) {
      this.#isProbeDue = false;
      return;
    }
    const hasSample = this.#recentMinMs !== Infinity;
    this.#isProbeDue = hasSample && now > this.#recentAt + probeIntervalMs;
    if (rttMs < this.#recentMinMs || this.#isProbeDue) {
      this.#recentMinMs = rttMs;
      this.#recentAt = now;
    } else if (rttMs <= this.#recentMinMs + Math.max(this.#recentMinMs * sameShare, sameMs)) {
      this.#recentAt = now;
    }
    if (this.#recentMinMs <= this.#minMs || now > this.#measuredAt + filterMs) {
      this.#minMs = this.#recentMinMs;
      this.#measuredAt = this.#recentAt;
    }
  }

  /** The path was drained for a look: the next one is a whole interval away. */
  onProbeDone(now: number): void {
    this.#recentAt = now;
  }
}
