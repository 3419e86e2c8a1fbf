/** Whether the path does its work, by what its data tells: acknowledgements, not probes, which may fare better than data. */
import type { Address } from './stun-message.js';

/** What the link says of its path; counts since the link began. */
export interface PathStatus {
  readonly path: Address | undefined;
  readonly rttMs: number | undefined;
  /** For how long something in flight has waited for any acknowledgement; 0 when nothing does. */
  readonly unansweredMs: number;
  readonly sentPackets: number;
  readonly lostPackets: number;
}

/**
 * Why the path is in doubt. Data tells `unanswered` and `lossy`; `moved-here` and `withdrawn` (an own address, one of the
 * peer's has changed) are only suspicions, which one answered probe ends.
 */
export type Doubt = {
  readonly reason: 'unanswered' | 'lossy' | 'moved-here' | 'withdrawn';
  readonly since: number;
};

/** A path without acknowledgements is asked, and left, after so many round trips, within these bounds. */
const doubtRtts = 3;
const doubtLeastMs = 600;
const doubtMostMs = 1_200;
const leaveRtts = 4;
const leaveLeastMs = 1_200;
/** Everything is over within 3 s, with the 250 ms between two looks. */
const leaveMostMs = 2_500;
/** A moved host leaves sooner: it knows that something has changed. */
const suspicionLeastMs = 500;
const suspicionRtts = 2;

const othersLossMs = 1_000;
const lossWindowMs = 2_000;
const lossLeastPackets = 12;
/** More than congestion causes; the doubt ends when it is half of that. */
const lossyShare = 0.15;
/** And more than chance: of 20 packets on a path that loses one in fifty, three are lost every few minutes. */
const lossyLeastLost = 5;
/** And again and again: an outage tells of all its losses at once, in one look or two. */
const lossyLooks = 3;
const measureWindowMs = 10_000;
const measureLeastPackets = 100;

interface Sample {
  readonly at: number;
  readonly sent: number;
  readonly lost: number;
}

export class PathHealth {
  #doubt: Doubt | undefined;
  #samples: Sample[] = [];
  #rttMs: number | undefined;
  #unansweredSince: number | undefined;
  #pathSince = -Infinity;
  /** An address has changed, and nothing has shown since that the path works. */
  #hasChanged = false;
  /** When it worked again after it had not, and what was lost meanwhile was not held against it. */
  #excusedAt = -Infinity;
  #statusAt = -Infinity;

  get doubt(): Doubt | undefined {
    return this.#doubt;
  }

  /** Data told it; only data, or a move, ends it. */
  get isDataInDoubt(): boolean {
    return this.#doubt?.reason === 'unanswered' || this.#doubt?.reason === 'lossy';
  }

  /** As acknowledgements measure it, with queues and delays. */
  get rttMs(): number | undefined {
    return this.#rttMs;
  }

  /** The share of data lost lately; undefined while too little was sent to tell. */
  get loss(): number | undefined {
    const { sent, lost } = this.#countWithin(measureWindowMs);
    return sent < measureLeastPackets ? undefined : Math.min(1, lost / sent);
  }

  /** Something was in flight at the last look: the next one comes soon. */
  get isWaiting(): boolean {
    return this.#unansweredSince !== undefined;
  }

  /** When the link last said how it is. */
  get statusAt(): number {
    return this.#statusAt;
  }

  /** Another path: nothing is known of it, and for a while losses are those of the old one. */
  reset(now: number): void {
    this.#pathSince = now;
    this.#doubt = undefined;
    this.#samples = [];
    this.#rttMs = undefined;
    this.#unansweredSince = undefined;
    this.#hasChanged = false;
  }

  /** @returns whether the path has come into doubt by it */
  handleStatus(now: number, status: PathStatus): boolean {
    const { rttMs, sentPackets, lostPackets } = status;
    // What waited before the move is no fault of this path.
    const unansweredMs = Math.min(status.unansweredMs, now - this.#pathSince);
    const before = this.#doubt;
    const isAnswered = this.#isAnswered(now, unansweredMs);
    this.#statusAt = now;
    this.#rttMs = rttMs;
    this.#unansweredSince = unansweredMs > 0 ? now - unansweredMs : undefined;
    this.#samples = this.#samples.filter(({ at }) => at >= now - measureWindowMs);
    if (now >= this.#pathSince + othersLossMs) this.#samples.push({ at: now, sent: sentPackets, lost: lostPackets });
    const isUnanswered = unansweredMs >= within(doubtRtts * (rttMs ?? 0), doubtLeastMs, doubtMostMs);
    if (before && before.reason !== 'unanswered' && before.reason !== 'lossy') {
      if (isAnswered) this.#startAnew(now);
      else if (isUnanswered) this.#doubt = { reason: 'unanswered', since: before.since };
      return false;
    }
    // A path that goes on after an outage is not one that loses, unless it makes a habit of it.
    const isOver = before?.reason === 'unanswered' && !isUnanswered;
    if (isOver && (this.#hasChanged || now >= this.#excusedAt + measureWindowMs)) {
      this.#startAnew(now);
      return false;
    }
    if (!isUnanswered && !this.#isLossy) {
      this.#doubt = undefined;
      return false;
    }
    this.#doubt = { reason: isUnanswered ? 'unanswered' : 'lossy', since: before?.since ?? now };
    return !before;
  }

  /** @returns whether it was not in doubt before */
  suspect(now: number, reason: 'moved-here' | 'withdrawn'): boolean {
    this.#hasChanged = true;
    if (this.#doubt) return false;
    this.#doubt = { reason, since: now };
    return true;
  }

  /** A probe of the path was answered that was sent after a suspicion: it was wrong. */
  trust(now: number): void {
    if (this.#doubt?.reason === 'moved-here' || this.#doubt?.reason === 'withdrawn') this.#startAnew(now);
  }

  /**
   * When the path may be left, if another one is better; undefined when it is not in doubt. For `unanswered` it counts only
   * at the moment of a status: an acknowledgement may have come since.
   * @param isAnswering a probe of it came back since the doubt began: then data gets more time
   */
  leaveAt(isAnswering: boolean): number | undefined {
    if (!this.#doubt) return undefined;
    const { reason, since } = this.#doubt;
    switch (reason) {
      case 'moved-here':
      case 'withdrawn':
        return since + within(suspicionRtts * (this.#rttMs ?? 0), suspicionLeastMs, leaveMostMs);
      case 'lossy':
        return since;
      case 'unanswered': {
        const waitMs = isAnswering ? leaveMostMs : within(leaveRtts * (this.#rttMs ?? 0), leaveLeastMs, leaveMostMs);
        return (this.#unansweredSince ?? since) + waitMs;
      }
    }
  }

  #startAnew(now: number): void {
    this.#doubt = undefined;
    this.#samples = [];
    this.#pathSince = now;
    this.#excusedAt = now;
    this.#hasChanged = false;
  }

  /** Something was in flight when the status came that was the first since the suspicion, and is acknowledged now. */
  #isAnswered(now: number, unansweredMs: number): boolean {
    const since = this.#unansweredSince;
    if (since === undefined || this.#statusAt < (this.#doubt?.since ?? Infinity)) return false;
    // A clock with fractions may round.
    return unansweredMs === 0 || now - unansweredMs > since + 1;
  }

  get #isLossy(): boolean {
    const { sent, lost, looks } = this.#countWithin(lossWindowMs);
    if (this.#doubt?.reason === 'lossy') return sent > 0 && lost / sent >= lossyShare / 2;
    return sent >= lossLeastPackets && lost >= lossyLeastLost && looks >= lossyLooks && lost / sent >= lossyShare;
  }

  /** Of the newest samples. What is lost in this time may have been sent before. */
  #countWithin(windowMs: number): { readonly sent: number; readonly lost: number; readonly looks: number } {
    const last = this.#samples.at(-1);
    const samples = last ? this.#samples.filter(({ at }) => at >= last.at - windowMs) : [];
    const [first] = samples;
    if (!last || !first) return { sent: 0, lost: 0, looks: 0 };
    const looks = samples.filter(({ lost }, i) => lost > (samples[i - 1]?.lost ?? lost)).length;
    return { sent: last.sent - first.sent, lost: last.lost - first.lost, looks };
  }
}

function within(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
