/**
 * Decides by which way two devices talk; one for each link, on both sides. It starts where the handshake went through,
 * mostly the relay, tries all addresses of the peer by probes inside the session, and moves the link to the best of those
 * that answer. Probes punch holes (simultaneous open) and are authentic, so nobody else can answer them.
 *
 * A round tries all addresses for about five seconds. One begins with every offer that comes or goes, when an address
 * changes, when the path is in doubt, and every 60 s while a relayed conversation is in use. On a direct path that works
 * nothing is sent, and on an idle relayed one neither: what is said next begins the round that is due.
 *
 * The controlling side chooses. The other leaves a path only when it is dead, and follows otherwise.
 */
import { Birthday, birthdaySide, birthdaySockets, type BirthdayStep } from './birthday.js';
import type { Candidate, TargetRules } from './candidates.js';
import { familyOf, scopeOfText } from './ip-scope.js';
import { OfferExchange } from './offer-exchange.js';
import { bestOf, isWorthMoving, lossGain } from './path-choice.js';
import { PathHealth, type PathStatus } from './path-health.js';
import { unknownNat, type NatKind, type PathOffer } from './path-offer.js';
import type { PathPair } from './path-pair.js';
import { judge, type PathFacts, type PathPolicy, type PathReport } from './path-report.js';
import { compareGapsMs, measureGapsMs, ProbeSchedule, proveGapsMs, punchGapsMs } from './probe-schedule.js';
import { policyAccepts, RemoteAddresses } from './remote-addresses.js';
import type { Address } from './stun-message.js';
import { routeOf } from './virtual-address.js';

export interface PathAgentOptions extends TargetRules {
  /** The initiator of the introduction controls. */
  readonly role: 'controlling' | 'controlled';
  readonly policy: PathPolicy;
  /** The other side of the channel of the relay; undefined where there is none. */
  readonly relay: Address | undefined;
  readonly random: (length: number) => Uint8Array;
}

export type PathAction =
  /** `probe` of the link. */
  | { readonly type: 'probe'; readonly to: Address }
  /** `moveTo` of the link; what came of it is seen by `handlePath`. The same address again: make the peer follow. */
  | { readonly type: 'move'; readonly to: Address }
  /** For the peer, sealed. */
  | { readonly type: 'offer'; readonly offer: PathOffer }
  /**
   * STUN and port mapping may see something else now: ask again, then `setOwnCandidates`. The relay may know an address
   * that is no longer ours: bind to it again.
   */
  | { readonly type: 'ask-reflexive' }
  /**
   * When it is this conversation's turn among all of the client, open so many sockets (0 for the easy side, which needs
   * only the turn) and call `handleBirthdayBegun`. No turn is waited for after `birthday-end`.
   */
  | { readonly type: 'birthday-begin'; readonly sockets: number }
  /** The turn is over; all spare sockets of this conversation are closed but the one numbered `keep`. May come twice. */
  | { readonly type: 'birthday-end'; readonly keep: number | undefined };

const roundMs = 5_000;
const againMs = 60_000;
/** So that the two sides do not begin at the same time. */
const controlledLaterMs = 3_000;
/** A conversation is in use when something was in flight so lately. */
const inUseMs = 60_000;
/** After a move of which nothing is known yet: over a bit more than a minute. */
const idleRoundsInDoubt = 5;
const askGapMs = 5_000;
/** While data waits for an answer: nothing else may show that a router has forgotten us, again and again. */
const askGapInDoubtMs = 2_000;
/** The link moves only to what answered in the last 10 s. */
const freshMs = 8_000;
/** From the first direct answer on a relayed conversation waits for better ones. */
const settleMs = 100;
const moveTakesMs = 1_000;
/** A known address that is heard from is asked, but not for each packet. */
const heardGapMs = 200;
const heardAgainMs = 1_000;
/** Of eight probes: what loses a third gives so many answers, and so few misses, once in fifteen times. */
const answersToCompare = 6;
const missesToCompare = 1;
/** Direct paths are mostly found by then. */
const birthdayAfterMs = 2_000;

export class PathAgent {
  readonly #options: PathAgentOptions;
  readonly #remote: RemoteAddresses;
  readonly #schedule = new ProbeSchedule();
  readonly #offers = new OfferExchange();
  readonly #health = new PathHealth();
  readonly #birthday: Birthday;
  /** Bounded by what each kind is paced by; the driver takes them all after each call. */
  readonly #actions: PathAction[] = [];
  #current: PathPair | undefined;
  #currentSince = -Infinity;
  #mayReturnAt = -Infinity;
  #ownNat: NatKind = unknownNat;
  #peerNat: NatKind | undefined;
  #peerSpareSockets = 0;
  #moving: { readonly to: PathPair; readonly at: number } | undefined;
  #roundEndsAt = -Infinity;
  #nextRoundAt = Infinity;
  #roundsInDoubt = 0;
  #inUseUntil = -Infinity;
  #askedAt = -Infinity;
  /** Since when there has been no direct path although all was tried. */
  #triedSince = Infinity;
  #firstDirectAt: number | undefined;
  /** Deadlines until then have been heeded. */
  #seenAt = -Infinity;

  constructor(options: PathAgentOptions) {
    this.#options = options;
    this.#birthday = new Birthday(options.random);
    this.#remote = new RemoteAddresses(options, (pair) => {
      this.#schedule.forget(pair);
    });
    if (options.relay && policyAccepts(options.policy, options.relay)) this.#remote.addRelay(options.relay);
  }

  /** Addresses to try the handshake with: those that the peer told and the policy allows, and the relay. */
  get candidates(): readonly Address[] {
    return this.#remote.pairs.filter(({ kind }) => kind !== 'spare').map(({ address }) => address);
  }

  /** Own addresses, as they are found, and what NAT they are behind. A relay-only conversation tells nobody. */
  setOwnCandidates(now: number, candidates: readonly Candidate[], nat: NatKind = unknownNat): void {
    const tellsNothing = this.#options.policy === 'relay-only';
    this.#ownNat = { mapping: nat.mapping, filtering: nat.filtering, isUdpBlocked: nat.isUdpBlocked };
    this.#offers.update(now, tellsNothing ? [] : candidates, tellsNothing ? unknownNat : nat);
    this.handleTimeout(now);
  }

  handleOffer(now: number, offer: PathOffer): void {
    this.#offers.handleOffer(offer);
    this.handleTimeout(now);
  }

  /** The link has heard something authentic from an address that is not its path. */
  handleHeard(now: number, from: Address): void {
    if (!policyAccepts(this.#options.policy, from)) return;
    const pair = this.#remote.heard(from, this.#current);
    if (!pair || pair === this.#current || pair.isRelay) return;
    if (now - pair.lastSentAt < (pair.answered > 0 ? heardAgainMs : heardGapMs)) return;
    this.#schedule.cancel(pair);
    this.#schedule.plan(pair, now, punchGapsMs);
    this.handleTimeout(now);
  }

  handleProbed(now: number, to: Address, rttMs: number): void {
    const isBirthday = this.#birthday.covers(to);
    const pair = this.#remote.get(to) ?? (isBirthday ? this.#remote.heard(to, this.#current) : undefined);
    if (!pair) return;
    const isNews = now - pair.lastAnsweredAt > freshMs;
    pair.markAnswered(now, rttMs);
    if (isNews && !this.#isComparing(pair)) {
      this.#schedule.cancel(pair);
      this.#schedule.plan(pair, now, pair.isLeft(now) ? proveGapsMs : measureGapsMs);
    }
    if (isBirthday) this.#birthday.handleMet(now);
    const { doubt } = this.#health;
    if (pair === this.#current && doubt && pair.answersSince(doubt.since) > 0) {
      // The peer learns our new address from what is no probe.
      if (doubt.reason === 'moved-here') this.#move(now, pair);
      this.#health.trust(now);
    }
    this.handleTimeout(now);
  }

  /** How the link's path fares: every 250 ms while something is in flight, and after it moved. The first call begins it all. */
  handlePath(now: number, status: PathStatus): void {
    if (!status.path) return;
    this.#setCurrent(now, status.path);
    const isInDoubt = this.#health.handleStatus(now, status);
    const current = this.#current;
    if (!current) return;
    if (status.unansweredMs > 0) this.#inUseUntil = now + inUseMs;
    current.dataLoss = this.#health.loss ?? current.dataLoss;
    if (isInDoubt) this.#beginDoubt(now);
    else if (this.#health.doubt?.reason === 'unanswered') this.#askReflexive(now);
    this.handleTimeout(now);
  }

  /** An interface or the NAT's binding has changed: what was found before no longer counts. */
  handleAddressChange(now: number): void {
    for (const pair of this.#remote.pairs) pair.forgetAnswers();
    this.#birthday.handleAddressChange();
    this.#firstDirectAt = undefined;
    if (this.#current) {
      this.#triedSince = now;
      if (this.#health.suspect(now, 'moved-here')) this.#roundsInDoubt = 0;
    }
    this.#startRound(now, { tells: true });
    this.handleTimeout(now);
  }

  /** It is this conversation's turn. @param sockets the numbers of the spare ones; none when they cannot be opened */
  handleBirthdayBegun(now: number, sockets: readonly number[]): void {
    const target = this.#birthdayTarget();
    if (target && !this.#isDirect) this.#birthday.begin(now, target, sockets);
    else this.#stepBirthday(now, this.#birthday.end(now));
    this.handleTimeout(now);
  }

  nextTimeout(): number | undefined {
    const current = this.#current;
    const deadlines = [
      this.#offers.nextTimeout(),
      current && this.#schedule.nextTimeout(),
      this.#birthday.nextTimeout(),
      ...this.#ownDeadlines().filter((at) => at !== undefined && at > this.#seenAt),
    ].filter((at) => at !== undefined);
    const at = Math.min(...deadlines);
    return at === Infinity ? undefined : at;
  }

  handleTimeout(now: number): void {
    this.#seenAt = now;
    for (let offer = this.#offers.takePeers(now); offer; offer = this.#offers.takePeers(now)) this.#take(now, offer);
    const offer = this.#offers.take(now);
    if (offer) {
      this.#actions.push({ type: 'offer', offer });
      this.#startRound(now, { tells: false });
    }
    if (this.#isRoundDue(now)) this.#startRound(now, { tells: true });
    this.#considerBirthday(now);
    this.#choose(now);
    for (let step = this.#birthday.step(now); step; step = this.#birthday.step(now)) this.#stepBirthday(now, step);
    if (!this.#current) return;
    for (let pair = this.#schedule.take(now); pair; pair = this.#schedule.take(now)) {
      pair.markSent(now);
      this.#actions.push({ type: 'probe', to: pair.address });
    }
  }

  pollAction(): PathAction | undefined {
    return this.#actions.shift();
  }

  report(now: number): PathReport {
    const { policy, role } = this.#options;
    const current = this.#current;
    const pairs = this.#remote.pairs
      .map((pair) => pair.report(now, pair === current, this.#schedule.isPlanned(pair)))
      // Before there is a session the handshake goes to all of them.
      .map((pair) => (current || pair.why !== 'not-tried' ? pair : { ...pair, why: 'unanswered' as const }))
      .sort((a, b) => Number(b.isPath) - Number(a.isPath) || b.answered - a.answered);
    const facts: PathFacts = {
      policy,
      path: pairs.find(({ isPath }) => isPath),
      pairs,
      own: this.#ownNat,
      peer: this.#peerNat,
      ownFamilies: familiesOf(this.#offers.candidates),
      peerFamilies: familiesOf(this.#remote.candidates),
      refused: this.#remote.refused,
      birthday: this.#birthday.hasFailed ? 'failed' : this.#birthday.state.kind,
      isChecking: now < this.#roundEndsAt,
    };
    return { ...facts, role, verdict: judge(facts) };
  }

  get #isDirect(): boolean {
    return this.#current !== undefined && !this.#current.isRelay;
  }

  #ownDeadlines(): (number | undefined)[] {
    const { doubt } = this.#health;
    return [
      this.#mayRepeatAt(this.#nextRoundAt) ? this.#nextRoundAt : undefined,
      doubt && doubt.reason !== 'unanswered' ? this.#leaveAt() : undefined,
      this.#firstDirectAt === undefined ? undefined : this.#firstDirectAt + settleMs,
      this.#mayAskBirthday ? this.#triedSince + birthdayAfterMs : undefined,
    ];
  }

  // Rounds.

  #isRoundDue(now: number): boolean {
    if (now < this.#nextRoundAt) return false;
    // Data in doubt is judged by what the link says now; with nothing in flight it says nothing.
    return this.#health.isDataInDoubt ? now === this.#health.statusAt && this.#mayTry : this.#mayRepeatAt(now);
  }

  get #mayTry(): boolean {
    return this.#current !== undefined && this.#options.policy !== 'relay-only';
  }

  /** Whether a round on its own account may begin then: only for who talks, or has just moved. */
  #mayRepeatAt(at: number): boolean {
    if (!this.#mayTry || this.#health.isDataInDoubt) return false;
    if (this.#health.doubt && this.#roundsInDoubt < idleRoundsInDoubt) return true;
    const isWanting = this.#current?.isRelay === true || (this.#current?.dataLoss ?? 0) >= lossGain;
    return at < this.#inUseUntil && (isWanting || this.#health.doubt !== undefined);
  }

  /** @param tells the peer, too, begins one then: most NATs open only for those who are written to */
  #startRound(now: number, { tells }: { tells: boolean }): void {
    if (tells) {
      this.#offers.tell(now);
      this.#askReflexive(now);
    }
    const current = this.#current;
    if (!current) return;
    this.#roundEndsAt = now + roundMs;
    const { doubt } = this.#health;
    const laterMs = this.#options.role === 'controlled' ? controlledLaterMs : 0;
    this.#nextRoundAt = now + (doubt ? Math.min(roundMs * 2 ** this.#roundsInDoubt, againMs) : againMs + laterMs);
    if (doubt && tells) this.#roundsInDoubt += 1;
    for (const pair of this.#remote.pairs) {
      // The relay is asked when it may be needed; when it is the path, data tells how it fares.
      if (pair.isRelay && !doubt) continue;
      if (pair.kind === 'spare' && pair !== current && now - pair.lastAnsweredAt > againMs) this.#dropSpare(pair);
      else if (this.#isComparing(pair)) this.#schedule.plan(pair, now, compareGapsMs);
      else if (doubt || now - pair.lastAnsweredAt > settleMs) this.#schedule.plan(pair, now, punchGapsMs);
    }
  }

  #beginDoubt(now: number): void {
    this.#roundsInDoubt = 0;
    this.#startRound(now, { tells: true });
  }

  /** Whether it is asked often enough to see whether it loses less than the path. */
  #isComparing(pair: PathPair): boolean {
    return this.#health.doubt?.reason === 'lossy' && pair !== this.#current;
  }

  #askReflexive(now: number): void {
    if (this.#options.policy === 'relay-only' || now - this.#askedAt < this.#askGapMs) return;
    this.#askedAt = now;
    this.#actions.push({ type: 'ask-reflexive' });
  }

  get #askGapMs(): number {
    return this.#health.doubt?.reason === 'unanswered' ? askGapInDoubtMs : askGapMs;
  }

  #take(now: number, offer: PathOffer): void {
    const isFirst = this.#peerNat === undefined;
    this.#peerNat = { mapping: offer.mapping, filtering: offer.filtering, isUdpBlocked: offer.isUdpBlocked };
    this.#peerSpareSockets = offer.spareSockets;
    const { policy } = this.#options;
    const hasChanged = this.#remote.offered(now, policy === 'relay-only' ? [] : offer.candidates, this.#current);
    const current = this.#current;
    if (current && hasChanged && this.#remote.isWithdrawn(current) && this.#health.suspect(now, 'withdrawn')) {
      this.#roundsInDoubt = 0;
    }
    // Whoever is elsewhere was perhaps away when ours came.
    if (hasChanged && !isFirst) this.#offers.tell(now);
    // Ours may have changed as well since it was told.
    if (current && now - this.#askedAt >= againMs / 2) this.#askReflexive(now);
    this.#startRound(now, { tells: false });
  }

  // The path.

  #setCurrent(now: number, address: Address): void {
    const pair = this.#remote.path(address);
    const old = this.#current;
    if (pair === old) {
      if (this.#moving && (this.#moving.to === pair || now - this.#moving.at >= moveTakesMs)) this.#moving = undefined;
      return;
    }
    // The peer knows better than we do what does not reach it.
    if (old && this.#moving?.to !== pair && this.#options.role === 'controlling') this.#leave(now, old);
    this.#moving = undefined;
    this.#current = pair;
    this.#health.reset(now);
    this.#roundsInDoubt = 0;
    this.#firstDirectAt = undefined;
    if (pair.isRelay && !old?.isRelay) this.#triedSince = now;
    if (!pair.isRelay) this.#endBirthday(now);
    if (!old) this.#startRound(now, { tells: false });
    // On the relay again: what was left is asked when it may return, not a minute from now.
    else if (pair.isRelay) this.#nextRoundAt = Math.min(this.#nextRoundAt, Math.max(now + roundMs, this.#mayReturnAt));
    this.#currentSince = now;
  }

  #choose(now: number): void {
    const current = this.#current;
    if (!current || (this.#moving && now - this.#moving.at < moveTakesMs)) return;
    if (this.#leaveIfBad(now, current) || this.#options.role !== 'controlling') return;
    const fresh = this.#remote.pairs.filter(
      (pair) => pair !== current && !pair.isRelay && now - pair.lastAnsweredAt < freshMs && !pair.isLeft(now),
    );
    const best = bestOf(fresh);
    if (!best) return;
    if (current.isRelay) {
      this.#firstDirectAt ??= now;
      if (now < this.#firstDirectAt + settleMs) return;
    }
    const isMeasured = current.rttCount >= 3 && now - current.lastAnsweredAt < freshMs;
    const currentRttMs = isMeasured ? current.rttMs : this.#health.rttMs;
    if (isWorthMoving(now, { current, currentRttMs, other: best })) this.#move(now, best);
  }

  #leaveAt(): number | undefined {
    const { doubt } = this.#health;
    const isAnswering = doubt !== undefined && (this.#current?.answersSince(doubt.since) ?? 0) > 0;
    return this.#health.leaveAt(isAnswering);
  }

  /** Both sides may: what is dead for one is of no use to the other. @returns whether it does */
  #leaveIfBad(now: number, current: PathPair): boolean {
    const { doubt } = this.#health;
    const at = this.#leaveAt();
    if (!doubt || at === undefined || now < at) return false;
    // An acknowledgement may have come since the last look.
    if (doubt.reason !== 'lossy' && this.#health.isWaiting && this.#health.statusAt !== now) return false;
    const answering = this.#remote.pairs.filter((pair) => {
      if (pair === current) return false;
      if (doubt.reason !== 'lossy') return pair.answersSince(doubt.since) > 0;
      return (
        pair.answersSince(doubt.since) >= answersToCompare && pair.missedSince(doubt.since, now) <= missesToCompare
      );
    });
    const unspoilt = answering.filter((pair) => !pair.isLeft(now));
    const best = bestOf(unspoilt.length > 0 ? unspoilt : doubt.reason === 'lossy' ? [] : answering);
    if (!best) return false;
    this.#leave(now, current);
    this.#move(now, best);
    return true;
  }

  #leave(now: number, current: PathPair): void {
    this.#mayReturnAt = current.leave(now, now - this.#currentSince);
  }

  #move(now: number, to: PathPair): void {
    if (to !== this.#current) this.#moving = { to, at: now };
    this.#actions.push({ type: 'move', to: to.address });
  }

  // Birthday punching.

  get #mayAskBirthday(): boolean {
    const nat = this.#peerNat;
    if (!this.#current?.isRelay || !nat || this.#options.policy !== 'auto') return false;
    return birthdaySide(this.#offers.nat, nat) === 'hard' && this.#birthday.state.kind === 'idle';
  }

  #considerBirthday(now: number): void {
    if (!this.#current?.isRelay || !this.#peerNat || !this.#birthdayTarget()) return;
    const side = birthdaySide(this.#offers.nat, this.#peerNat);
    // The easy side waits until ports are open for it.
    const isTime = side === 'hard' ? now >= this.#triedSince + birthdayAfterMs : this.#peerSpareSockets > 0;
    if (side && isTime && this.#birthday.ask(now, side)) {
      this.#actions.push({ type: 'birthday-begin', sockets: side === 'hard' ? birthdaySockets : 0 });
    }
    if (side === 'easy' && this.#peerSpareSockets === 0) this.#stepBirthday(now, this.#birthday.end(now));
  }

  /**
   * Where the peer is seen by all: only its router's address is worth trying ports of. The address is what the peer says,
   * so neither the server nor, for who is on the internet, a machine of a private network is tried.
   */
  #birthdayTarget(): Address | undefined {
    const isPublic = ({ address }: Address): boolean => scopeOfText(address) === 'public';
    const isInternet = this.#offers.candidates.some(isPublic);
    const told = this.#remote.candidates.filter((candidate) => {
      if (familyOf(candidate.address) !== 4 || (isInternet && !isPublic(candidate))) return false;
      return !this.#options.forbidden.some(({ address }) => address === candidate.address);
    });
    const target = told.find(({ kind }) => kind === 'reflexive') ?? told.find(({ kind }) => kind === 'host');
    return target && { address: target.address, port: target.port };
  }

  #stepBirthday(now: number, step: BirthdayStep): void {
    if (step?.type === 'probe') this.#actions.push(step);
    if (step?.type === 'end') this.#actions.push({ type: 'birthday-end', keep: this.#spareInUse() });
    this.#offers.updateSpareSockets(now, this.#birthday.spareSockets);
  }

  #endBirthday(now: number): void {
    if (this.#birthday.state.kind === 'asked') this.#stepBirthday(now, this.#birthday.end(now));
    else this.#birthday.handleMet(now);
  }

  #dropSpare(pair: PathPair): void {
    this.#remote.forget(pair);
    this.#actions.push({ type: 'birthday-end', keep: this.#spareInUse() });
  }

  #spareInUse(): number | undefined {
    const spares = this.#remote.pairs.filter(({ kind, answered }) => kind === 'spare' && answered > 0);
    const best = spares.find((pair) => pair === this.#current) ?? bestOf(spares);
    const route = best && routeOf(best.address);
    return route?.kind === 'spare' ? route.socket : undefined;
  }
}

function familiesOf(candidates: readonly Candidate[]): (4 | 6)[] {
  return [...new Set(candidates.map(({ address }) => familyOf(address)))].filter((family) => family !== undefined);
}
