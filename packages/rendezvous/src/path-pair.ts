import type { CandidateKind } from './candidates.js';
import { scopeOfText, type IpScope } from './ip-scope.js';
import type { Address } from './stun-message.js';
import { routeOf } from './virtual-address.js';

/**
 * How an address of the peer came to be known: it was told (`host`, `mapped`, `reflexive`), something authentic came from
 * there (`peer-reflexive`), it is the relay, or a spare socket found it (`spare`, birthday punching).
 */
export type PairKind = CandidateKind | 'peer-reflexive' | 'relay' | 'spare';

/** What is said of a pair to those who ask. Times in milliseconds. */
export interface PairReport {
  readonly address: Address;
  readonly kind: PairKind;
  readonly scope: IpScope | 'relay';
  /** Probes sent, and those that were answered. */
  readonly sent: number;
  readonly answered: number;
  /** The shortest of the last few round trips. */
  readonly rttMs: number | undefined;
  /** From 0 to 1: by acknowledgements if data went here, else the share of probes without an answer since the first answer. */
  readonly loss: number | undefined;
  readonly isPath: boolean;
  readonly why: PairState;
}

/** Why a pair is what it is. */
export type PairState = 'path' | 'not-tried' | 'trying' | 'works' | 'unanswered' | 'no-longer-answered' | 'left';

/** A pair that was left may return when it has shown for a while that it works. */
interface Leave {
  readonly at: number;
  readonly until: number;
  /** In succession, with little time between. */
  readonly times: number;
}

interface Probe {
  readonly sentAt: number;
  rttMs: number | undefined;
}

/** A probe without an answer for so long counts as lost. */
const probeLostAfterMs = 1_000;
/** Round trip and loss are of the last few. */
const probesKept = 16;
const rttsKept = 4;
const firstLeaveMs = 3_000;
const leaveGrowth = 4;
const leaveMostMs = 600_000;
/** A path that lasted so long was a good one: leaving it now is not going to and fro. */
const lastedMs = 30_000;
/** What was left answers so many probes in a row before it returns. */
const answersToReturn = 4;

/**
 * One address of the peer, as seen from one socket of ours, and how probes to it fare.
 * A client has one socket, so an address of the peer is a pair of ICE (RFC 8445, section 6.1.2).
 */
export class PathPair {
  readonly address: Address;
  readonly scope: IpScope | 'relay';
  kind: PairKind;
  sent = 0;
  answered = 0;
  lastSentAt = -Infinity;
  lastAnsweredAt = -Infinity;
  /** Of data, by acknowledgements, when this was the path. */
  dataLoss: number | undefined;
  #probes: Probe[] = [];
  #leave: Leave | undefined;

  constructor(address: Address, kind: PairKind) {
    this.address = address;
    this.kind = kind;
    this.scope = scopeOfAddress(address);
  }

  get isRelay(): boolean {
    return this.kind === 'relay';
  }

  get rttMs(): number | undefined {
    const rtts = this.#rtts();
    return rtts.length === 0 ? undefined : Math.min(...rtts);
  }

  /** How many round trips the figure is of. */
  get rttCount(): number {
    return this.#rtts().length;
  }

  /** Which of two equally fast ones is taken: what is nearer depends on fewer others, and IPv6 on fewer NATs. */
  get points(): number {
    const isIpv6 = routeOf(this.address).kind === 'plain' && this.address.address.includes(':');
    return (
      { relay: 0, none: 0, loopback: 50, 'link-local': 30, private: 30, public: 20 }[this.scope] + (isIpv6 ? 10 : 0)
    );
  }

  markSent(now: number): void {
    this.sent += 1;
    this.lastSentAt = now;
    this.#keep({ sentAt: now, rttMs: undefined });
  }

  markAnswered(now: number, rttMs: number): void {
    // A clock with fractions may round.
    const earliest = now - rttMs - 1;
    // Before the first answer the way was not yet open: that is no loss.
    if (this.answered === 0) this.#probes = this.#probes.filter(({ sentAt }) => sentAt >= earliest);
    const probe = this.#probes.find((each) => each.rttMs === undefined && each.sentAt >= earliest);
    if (probe) probe.rttMs = rttMs;
    else this.#keep({ sentAt: now - rttMs, rttMs });
    this.answered += 1;
    this.lastAnsweredAt = now;
  }

  /** How many probes were answered that were sent since then, of the last few. */
  answersSince(at: number): number {
    return this.#probes.filter(({ sentAt, rttMs }) => rttMs !== undefined && sentAt >= at).length;
  }

  /** How many that were sent since then should have been answered by now, of the last few. */
  missedSince(at: number, now: number): number {
    return this.#probes.filter((probe) => probe.sentAt >= at && this.#isMissed(probe, now)).length;
  }

  /** What is known was found from another address of ours, or of the peer's. */
  forgetAnswers(): void {
    this.lastAnsweredAt = -Infinity;
    this.#probes = [];
    this.dataLoss = undefined;
    this.#leave = undefined;
  }

  /**
   * It was the path for a while and lost what it was given. Each time it has to stay away for longer.
   * @returns when it may return, if it works again
   */
  leave(now: number, lastedForMs: number): number {
    const times = lastedForMs >= lastedMs ? 0 : (this.#leave?.times ?? 0);
    const until = now + Math.min(firstLeaveMs * leaveGrowth ** times, leaveMostMs);
    this.#leave = { at: now, until, times: times + 1 };
    return until;
  }

  /** Whether it was left and has not shown since that it works again. */
  isLeft(now: number): boolean {
    if (!this.#leave) return false;
    return now < this.#leave.until || this.#answersInRow(this.#leave.at, now) < answersToReturn;
  }

  /** From 0 to 1: of data where data went, else of probes. */
  loss(now: number): number | undefined {
    return this.dataLoss ?? this.probeLoss(now);
  }

  probeLoss(now: number): number | undefined {
    if (this.answered === 0) return undefined;
    const answered = this.#probes.filter(({ rttMs }) => rttMs !== undefined).length;
    const lost = this.#probes.filter((each) => each.rttMs === undefined && now - each.sentAt > probeLostAfterMs).length;
    return answered + lost === 0 ? undefined : lost / (answered + lost);
  }

  report(now: number, isPath: boolean, isPlanned: boolean): PairReport {
    const { address, kind, scope, sent, answered, rttMs } = this;
    const why = isPath ? 'path' : this.#stateAt(now, isPlanned);
    return { address, kind, scope, sent, answered, rttMs, loss: this.loss(now), isPath, why };
  }

  #stateAt(now: number, isPlanned: boolean): PairState {
    if (this.isLeft(now)) return 'left';
    if (this.lastAnsweredAt >= this.lastSentAt - probeLostAfterMs && this.answered > 0) return 'works';
    if (isPlanned || now - this.lastSentAt < probeLostAfterMs) return 'trying';
    if (this.sent === 0) return 'not-tried';
    return this.answered > 0 ? 'no-longer-answered' : 'unanswered';
  }

  /** The last ones, of those sent since then. */
  #answersInRow(at: number, now: number): number {
    const since = this.#probes.filter(({ sentAt }) => sentAt >= at);
    const lastMissed = since.findLastIndex((probe) => this.#isMissed(probe, now));
    return since.slice(lastMissed + 1).filter(({ rttMs }) => rttMs !== undefined).length;
  }

  #isMissed({ sentAt, rttMs }: Probe, now: number): boolean {
    return rttMs === undefined && now - sentAt > 2 * (this.rttMs ?? probeLostAfterMs) + 100;
  }

  #rtts(): number[] {
    const rtts = this.#probes.map(({ rttMs }) => rttMs).filter((rttMs) => rttMs !== undefined);
    return rtts.slice(-rttsKept);
  }

  #keep(probe: Probe): void {
    this.#probes.push(probe);
    if (this.#probes.length > probesKept) this.#probes.shift();
  }
}

function scopeOfAddress(address: Address): IpScope | 'relay' {
  const route = routeOf(address);
  return route.kind === 'relay' ? 'relay' : scopeOfText(route.to.address);
}
