/** Offers both ways: ours when something differs, not too often; the peer's, only newer ones, and not too often either. */
import type { Candidate } from './candidates.js';
import { keyOf } from './candidates.js';
import { offerCandidates, unknownNat, type NatKind, type PathOffer } from './path-offer.js';

/** Candidates are found one after the other: what comes at about the same time is told at once. */
const tellGapMs = 200;
/** Offers of the peer that are taken: a burst, and then one a second; of those in between the newest waits. */
const takeBurst = 8;
const takeGapMs = 1_000;

export class OfferExchange {
  #revision = 0;
  #hasAny = false;
  #candidates: readonly Candidate[] = [];
  #nat: NatKind = unknownNat;
  #spareSockets = 0;
  #tellAt: number | undefined;
  #toldAt = -Infinity;
  #peerRevision = 0;
  #waiting: PathOffer | undefined;
  /** The next may be taken `takeBurst - 1` gaps before this. */
  #takenUntil = -Infinity;

  get candidates(): readonly Candidate[] {
    return this.#candidates;
  }

  get nat(): NatKind {
    return this.#nat;
  }

  /** What is to be told; it is told when it differs from what was. */
  update(now: number, candidates: readonly Candidate[], nat: NatKind): void {
    const kept = candidates.slice(0, offerCandidates);
    const { mapping, filtering, isUdpBlocked } = nat;
    const old = this.#nat;
    const isSame =
      this.#hasAny &&
      kept.length === this.#candidates.length &&
      kept.every((candidate, i) => isSameCandidate(candidate, this.#candidates[i])) &&
      mapping === old.mapping &&
      filtering === old.filtering &&
      isUdpBlocked === old.isUdpBlocked;
    this.#hasAny = true;
    this.#candidates = kept;
    this.#nat = { mapping, filtering, isUdpBlocked };
    if (!isSame) this.tell(now);
  }

  updateSpareSockets(now: number, count: number): void {
    if (count === this.#spareSockets) return;
    this.#spareSockets = count;
    this.tell(now);
  }

  /** Tells it anew even if nothing differs: the peer tries all addresses when an offer comes. */
  tell(now: number): void {
    this.#tellAt ??= Math.max(now, this.#toldAt + tellGapMs);
  }

  /** Our offer, when it is due. */
  take(now: number): PathOffer | undefined {
    if (this.#tellAt === undefined || now < this.#tellAt) return undefined;
    this.#tellAt = undefined;
    this.#toldAt = now;
    this.#revision += 1;
    const { mapping, filtering, isUdpBlocked } = this.#nat;
    return {
      revision: this.#revision,
      mapping,
      filtering,
      isUdpBlocked,
      spareSockets: this.#spareSockets,
      candidates: this.#candidates,
    };
  }

  /** One of the peer's has come. What is not newer is a replay. */
  handleOffer(offer: PathOffer): void {
    if (offer.revision <= (this.#waiting?.revision ?? this.#peerRevision)) return;
    this.#waiting = offer;
  }

  /** The peer's newest, when it may be taken. */
  takePeers(now: number): PathOffer | undefined {
    const at = this.#takeAt();
    if (!this.#waiting || at === undefined || now < at) return undefined;
    const offer = this.#waiting;
    this.#waiting = undefined;
    this.#peerRevision = offer.revision;
    this.#takenUntil = Math.max(this.#takenUntil, now) + takeGapMs;
    return offer;
  }

  nextTimeout(): number | undefined {
    const takeAt = this.#takeAt();
    if (this.#tellAt === undefined || takeAt === undefined) return this.#tellAt ?? takeAt;
    return Math.min(this.#tellAt, takeAt);
  }

  #takeAt(): number | undefined {
    return this.#waiting && this.#takenUntil - (takeBurst - 1) * takeGapMs;
  }
}

function isSameCandidate(a: Candidate, b: Candidate | undefined): boolean {
  return b !== undefined && a.kind === b.kind && keyOf(a) === keyOf(b);
}
