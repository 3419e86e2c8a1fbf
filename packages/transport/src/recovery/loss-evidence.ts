/**
 * Whether losses speak of congestion.
 *
 * BBRv3 takes each loss for a sign of it: more than 2 % in a round trip ends a probe and bounds what may be in flight,
 * and any loss at all lowers the rate until the next probe. Between peers that talk over radio links this is wrong
 * most of the time: where 5 % are lost by chance, it leaves a tenth of the path unused or worse. A queue that overflows,
 * however, shows in the delay before it shows in losses. So here losses count as congestion only
 *
 *  - while a queue stands, that is while the smallest round trip of this round and of the last is well above that of the
 *    empty path, and when they are 2 % more than what is lost while none stands; or
 *  - when they are so many that chance is no explanation.
 *
 * Nor do they where another flow fills the queue that gives way to nobody, as BBRv1 does: whoever heeds the losses that
 * it causes ends with a tenth of the path. Such a flow shows in losses that go on while this one does not probe. One
 * that heeds losses, like CUBIC, stops causing them for many round trips.
 *
 * What this gives up: where a queue is too short to be seen (an eighth of the round trip), or a policer has none, a
 * probe may lose up to a fifth for a few round trips every 2 to 3 s. BBRv1, which is in wide use, does the same.
 */

/** More than this beyond chance, in a round trip (BBR.LossThresh). */
const excessShare = 0.02;
/** Nothing that carries a conversation loses so much by chance. */
const severeShare = 0.2;
/** In a small flight chance alone reaches any share (BBRStartupFullLossCnt has the same reason). */
const severeLosses = 6;
/** A queue is seen when the round trip is longer by an eighth, and by more than timers and batches of acknowledgements do. */
const queueShare = 1 / 8;
const queueMs = 2;
/** With so many rounds of losses there is a flow that heeds none: beside CUBIC few are seen, beside BBRv1 a third and more. */
const heedlessShare = 0.14;
/** Of about so many rounds. */
const heedlessMemory = 47 / 48;
/** After so many it is found out anew: not giving way makes others cause losses, too. */
const heedlessRounds = 96;
/** Then more are severe: the other causes most of them. */
const severeShareBesideHeedless = 0.4;
/** Chance is what was lost in about this many rounds without a queue. */
const memory = 7 / 8;

export class LossEvidence {
  #roundMinRttMs = Infinity;
  #lastRoundMinRttMs = Infinity;
  #roundLostBytes = 0;
  #roundLosses = 0;
  #roundDeliveredBytes = 0;
  #chanceLostBytes = 0;
  #chanceTotalBytes = 0;
  /** Of the rounds that tell of no probe of ours the share that had losses while a queue stood. */
  #lossyShare = 0;
  /** With that share too large, since it was last found out anew. */
  #heedlessRounds = 0;

  /** Packets lost in this round. */
  get roundLosses(): number {
    return this.#roundLosses;
  }

  /** The share that is lost by chance. */
  get chance(): number {
    return this.#chanceTotalBytes > 0 ? Math.min(this.#chanceLostBytes / this.#chanceTotalBytes, severeShare) : 0;
  }

  /** The share from which losses with a queue are too many. */
  get threshold(): number {
    return this.chance + excessShare;
  }

  onAcknowledged(bytes: number, rttMs: number | undefined): void {
    this.#roundDeliveredBytes += bytes;
    if (rttMs !== undefined && rttMs < this.#roundMinRttMs) this.#roundMinRttMs = rttMs;
  }

  onLost(bytes: number): void {
    this.#roundLostBytes += bytes;
    this.#roundLosses += 1;
  }

  /** Another flow fills the queue, and gives way to nobody. */
  get isOtherHeedless(): boolean {
    return this.#lossyShare > heedlessShare;
  }

  /** @param minRttMs of the empty path */
  isQueueStanding(minRttMs: number): boolean {
    const rttMs = this.#rttMs;
    // Infinity: no sample in this round, and none in the last: nothing is known.
    return rttMs !== Infinity && rttMs > minRttMs + Math.max(minRttMs * queueShare, queueMs);
  }

  /** @param ofBytes what was in flight when `lostBytes` were lost of it */
  isCongestion(lostBytes: number, ofBytes: number, datagramBytes: number, minRttMs: number): boolean {
    const severe = this.isOtherHeedless ? severeShareBesideHeedless : severeShare;
    if (lostBytes > ofBytes * severe && lostBytes >= severeLosses * datagramBytes) return true;
    return lostBytes > ofBytes * this.threshold && !this.isOtherHeedless && this.isQueueStanding(minRttMs);
  }

  isRoundCongested(datagramBytes: number, minRttMs: number): boolean {
    const totalBytes = this.#roundLostBytes + this.#roundDeliveredBytes;
    return this.isCongestion(this.#roundLostBytes, totalBytes, datagramBytes, minRttMs);
  }

  /** @param isCruising no losses of this round are those of a probe of ours */
  endRound(minRttMs: number, isCruising: boolean): void {
    if (isCruising) {
      const isLossy = this.#roundLostBytes > 0 && this.isQueueStanding(minRttMs);
      this.#lossyShare = this.#lossyShare * heedlessMemory + (isLossy ? 1 - heedlessMemory : 0);
    }
    if (this.isOtherHeedless) this.#heedlessRounds += 1;
    if (this.#heedlessRounds > heedlessRounds) {
      this.#heedlessRounds = 0;
      this.#lossyShare = 0;
    }
    const totalBytes = this.#roundLostBytes + this.#roundDeliveredBytes;
    if (!this.isQueueStanding(minRttMs) && this.#roundLostBytes <= totalBytes * severeShare) {
      this.#chanceLostBytes = this.#chanceLostBytes * memory + this.#roundLostBytes;
      this.#chanceTotalBytes = this.#chanceTotalBytes * memory + totalBytes;
    }
    this.#lastRoundMinRttMs = this.#roundMinRttMs;
    this.#roundMinRttMs = Infinity;
    this.#roundLostBytes = 0;
    this.#roundLosses = 0;
    this.#roundDeliveredBytes = 0;
  }

  /** The smallest of this round and of the last. */
  get #rttMs(): number {
    return Math.min(this.#roundMinRttMs, this.#lastRoundMinRttMs);
  }
}
