/**
 * What losses say about the path: how much may be in flight over the long term, and how much less, and slower, until
 * the next probe (draft-ietf-ccwg-bbr, sections 5.5.10 and 5.5.11). Infinity: not bounded.
 */
import type { RateSample } from './delivery-rate.js';

/** BBR.Beta: no bound falls faster than this a round trip. */
const beta = 0.7;
/** BBR.Headroom: left free for others while cruising. */
const headroom = 0.15;

export class BbrBounds {
  #inflightLongtermBytes = Infinity;
  #inflightShorttermBytes = Infinity;
  #bytesPerMsShortterm = Infinity;

  /** The most that was delivered, and the fastest, in this loss round. */
  #latestBytesPerMs = 0;
  #latestDeliveredBytes = 0;
  /** The loss round ends with the acknowledgement of a packet that left after so much had been delivered. */
  #roundEndBytes = 0;
  #hasLossInRound = false;

  /** The bounds before the last losses, which come back when these were none. */
  #undoLongtermBytes = Infinity;
  #undoShorttermBytes = Infinity;
  #undoBytesPerMs = Infinity;

  get inflightLongtermBytes(): number {
    return this.#inflightLongtermBytes;
  }

  get inflightShorttermBytes(): number {
    return this.#inflightShorttermBytes;
  }

  get bytesPerMsShortterm(): number {
    return this.#bytesPerMsShortterm;
  }

  get hasLossInRound(): boolean {
    return this.#hasLossInRound;
  }

  /** The long-term bound, less what is left free. */
  withHeadroomBytes(datagramBytes: number): number {
    const bytes = this.#inflightLongtermBytes;
    return bytes === Infinity ? Infinity : bytes - Math.max(datagramBytes, headroom * bytes);
  }

  /** @returns whether a loss round ends with this sample; then `endRound` follows when the sample has been dealt with */
  onSample(rate: RateSample): boolean {
    if (rate.bytesPerMs !== undefined && rate.bytesPerMs > this.#latestBytesPerMs) {
      this.#latestBytesPerMs = rate.bytesPerMs;
    }
    if (rate.deliveredBytes > this.#latestDeliveredBytes) this.#latestDeliveredBytes = rate.deliveredBytes;
    if (rate.priorDeliveredBytes < this.#roundEndBytes) return false;
    this.#roundEndBytes = rate.priorDeliveredBytes + rate.deliveredBytes;
    return true;
  }

  endRound(rate: RateSample): void {
    this.#latestBytesPerMs = rate.bytesPerMs ?? 0;
    this.#latestDeliveredBytes = rate.deliveredBytes;
    this.#hasLossInRound = false;
  }

  /** @returns whether it is the first loss of its round */
  onLost(deliveredBytes: number): boolean {
    if (this.#hasLossInRound) return false;
    this.#hasLossInRound = true;
    this.#roundEndBytes = deliveredBytes;
    this.#undoLongtermBytes = this.#inflightLongtermBytes;
    this.#undoShorttermBytes = this.#inflightShorttermBytes;
    this.#undoBytesPerMs = this.#bytesPerMsShortterm;
    return true;
  }

  /** More than the bound was delivered without harm. */
  raiseLongterm(bytes: number): void {
    if (bytes > this.#inflightLongtermBytes) this.#inflightLongtermBytes = bytes;
  }

  /** Startup overflowed the queue: what arrived in the last round trip is safe. */
  boundStartup(pathBytes: number): void {
    this.#inflightLongtermBytes = Math.max(pathBytes, this.#latestDeliveredBytes);
  }

  /**
   * A probe overflowed the queue. The draft keeps all that was in flight when that began. With a queue as long as the path
   * this is twice the path, and a CUBIC flow that comes later gets less than a fifth of it: so give way as CUBIC does, by
   * beta, but not below what fills the path.
   * @param atThresholdBytes in flight when losses became too many
   * @param pathBytes what fills the path
   * @param targetBytes the same, or the window where that is smaller
   */
  giveWay(atThresholdBytes: number, pathBytes: number, targetBytes: number): void {
    const safeBytes = Math.min(atThresholdBytes, Math.max(atThresholdBytes * beta, pathBytes));
    this.#inflightLongtermBytes = Math.max(safeBytes, targetBytes * beta);
  }

  /** Once a round trip with congestion: towards what was delivered in it. */
  lowerShortterm(bytesPerMs: number, windowBytes: number): void {
    const rate = this.#bytesPerMsShortterm === Infinity ? bytesPerMs : this.#bytesPerMsShortterm;
    const volume = this.#inflightShorttermBytes === Infinity ? windowBytes : this.#inflightShorttermBytes;
    this.#bytesPerMsShortterm = Math.max(this.#latestBytesPerMs, beta * rate);
    this.#inflightShorttermBytes = Math.max(this.#latestDeliveredBytes, beta * volume);
  }

  resetShortterm(): void {
    this.#bytesPerMsShortterm = Infinity;
    this.#inflightShorttermBytes = Infinity;
  }

  resetSignals(): void {
    this.#hasLossInRound = false;
    this.#latestBytesPerMs = 0;
    this.#latestDeliveredBytes = 0;
  }

  undo(): void {
    this.#hasLossInRound = false;
    this.#inflightLongtermBytes = Math.max(this.#inflightLongtermBytes, this.#undoLongtermBytes);
    this.#inflightShorttermBytes = Math.max(this.#inflightShorttermBytes, this.#undoShorttermBytes);
    this.#bytesPerMsShortterm = Math.max(this.#bytesPerMsShortterm, this.#undoBytesPerMs);
  }
}
