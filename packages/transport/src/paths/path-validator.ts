/**
 * Where the peer is, and whether that is proven (RFC 9000, sections 8.2 and 9). A new source of authentic packets is
 * asked first: only when an answer from there has come do packets go there. So whoever forwards, copies or holds back
 * packets cannot lead a conversation anywhere, and a peer that moved is followed after one round trip.
 *
 * Either side may move the conversation, by `moveTo`. Whoever has done so follows nobody for a while: what comes from
 * the old address was sent before the peer has followed, and two who follow each other would change places for ever.
 */
import { sameAddress, type Address } from '../address.js';
import type { RandomSource } from '../crypto-provider.js';
import { transportLimits } from '../limits.js';
import { pathDataBytes } from '../wire/frame-types.js';

/** RFC 9000, section 8.1. */
const amplificationFactor = 3;
/** A challenge is repeated so often, with other bytes, as long as the bytes from the address allow it. */
const challengeRepetitions = 8;
/**
 * The first wait for an answer, at least; each further one is twice as long. The probe timeout is that of the path in
 * use, and the new one may be far slower.
 */
const minChallengeWaitMs = 100;
/** So many challenges are remembered: an answer may take longer than the wait for it. */
const rememberedChallenges = 4;

/**
 * What an answer did to the address that packets go to.
 *
 * - `rebinding`: the same IP address and another port. Most likely a NAT forgot the binding; what is known about the
 *   path still holds (RFC 9000, section 9.4).
 * - `move`: another IP address. Round trip, congestion and MTU are to be learned anew.
 */
export type PathChange = 'none' | 'rebinding' | 'move';

export interface FirstPath {
  /** Where the first authentic packet came from. */
  readonly address: Address;
  /** Whether nobody could have made that packet without receiving what we sent to just this address. */
  readonly isProven: boolean;
  /** Bytes that may go there beside three times what came from there, until it is proven. */
  readonly allowanceBytes: number;
}

/** Another address that the newest packet came from. */
interface Candidate {
  readonly address: Address;
  receivedBytes: number;
  sentBytes: number;
  challengesMade: number;
  /** The newest last, 8 bytes each. */
  readonly challenges: Uint8Array[];
}

export class PathValidator {
  readonly #random: RandomSource;
  #current: Address;
  #isProven: boolean;
  /** It is still the first one. */
  #isFirst = true;
  /** What may be sent to an address that is not proven, less what was. */
  #budgetBytes: number;
  #candidate: Candidate | undefined;
  #isChallengeDue = false;
  #deadline: number | undefined;
  /** After a move of our own. */
  #staysUntil = -Infinity;

  constructor(first: FirstPath, random: RandomSource) {
    this.#current = copyOf(first.address);
    this.#isProven = first.isProven;
    this.#budgetBytes = first.allowanceBytes;
    this.#random = random;
  }

  /** Where packets go. */
  get address(): Address {
    return this.#current;
  }

  /** Whether the peer has proved to be there. */
  get isProven(): boolean {
    return this.#isProven;
  }

  /** How many bytes may leave for `address` now. */
  get budgetBytes(): number {
    return this.#isProven ? Infinity : this.#budgetBytes;
  }

  /** When `onTimeout` is due. */
  get deadline(): number | undefined {
    return this.#deadline;
  }

  /**
   * An authentic packet came. Call this before anything in it is answered.
   * @param bytes of the whole datagram
   * @param leads no packet with a higher number came before it, and it is no probing packet
   * @param ptoMs the probe timeout, for how long to wait for the answer to a challenge
   */
  onDatagram(now: number, from: Address, bytes: number, leads: boolean, ptoMs: number): void {
    if (sameAddress(from, this.#current)) {
      if (!this.#isProven) this.#budgetBytes += amplificationFactor * bytes;
      if (leads) this.#forgetCandidate();
      return;
    }
    const candidate = this.#candidate;
    if (candidate && sameAddress(from, candidate.address)) {
      candidate.receivedBytes += bytes;
      return;
    }
    if (!leads || now < this.#staysUntil) return;
    this.#candidate = {
      address: copyOf(from),
      receivedBytes: bytes,
      sentBytes: 0,
      challengesMade: 0,
      challenges: [],
    };
    this.#makeChallenge(now, ptoMs);
  }

  /**
   * What the peer has sent shows that it received what went to the first address only: so it is there.
   * Does nothing when packets go elsewhere by now.
   */
  proveFirst(): void {
    if (this.#isFirst) this.#isProven = true;
  }

  /** A datagram left for `address`. */
  onSent(bytes: number): void {
    if (!this.#isProven) this.#budgetBytes -= bytes;
  }

  /** Whether a datagram of so many bytes may leave for this address: the one in use, or the one that is asked. */
  maySend(to: Address, bytes: number): boolean {
    if (sameAddress(to, this.#current)) return bytes <= this.budgetBytes;
    const candidate = this.#candidate;
    if (!candidate || !this.#isAsked(to)) return false;
    return candidate.sentBytes + bytes <= amplificationFactor * candidate.receivedBytes;
  }

  /** The same for the answer to a datagram that came from there, and was not smaller: that may go anywhere else, too. */
  mayAnswer(to: Address, bytes: number): boolean {
    const isBounded = sameAddress(to, this.#current) || this.#isAsked(to);
    return !isBounded || this.maySend(to, bytes);
  }

  /** Counts a datagram that is no probe for the address that is asked. */
  onSentTo(to: Address, bytes: number): void {
    if (sameAddress(to, this.#current)) this.onSent(bytes);
    else if (this.#candidate && this.#isAsked(to)) this.#candidate.sentBytes += bytes;
  }

  /**
   * A PATH_CHALLENGE for another address than the one in use, once; undefined when none is due.
   * @param bytes that its packet has
   */
  takeProbe(bytes: number): { readonly to: Address; readonly data: Uint8Array } | undefined {
    const candidate = this.#candidate;
    const data = candidate?.challenges.at(-1);
    if (!this.#isChallengeDue || !candidate || !data) return undefined;
    this.#isChallengeDue = false;
    if (!this.maySend(candidate.address, bytes)) return undefined;
    candidate.sentBytes += bytes;
    return { to: candidate.address, data };
  }

  /** A PATH_RESPONSE came, whatever its source: only who reads what is sent to the address could know the bytes. */
  onResponse(data: Uint8Array): PathChange {
    const candidate = this.#candidate;
    if (!candidate?.challenges.some((challenge) => equal(challenge, data))) return 'none';
    return this.#change(candidate.address);
  }

  /**
   * Packets go there from now on: the peer has answered from there. It is followed nowhere for `stayMs`.
   * @returns `none` when that is where they go already
   */
  moveTo(now: number, to: Address, stayMs: number): PathChange {
    if (sameAddress(to, this.#current)) return 'none';
    this.#staysUntil = now + stayMs;
    return this.#change(copyOf(to));
  }

  /** Another challenge; after the last one the address is asked no more, until it is heard anew. */
  onTimeout(now: number, ptoMs: number): void {
    if (this.#deadline === undefined || now < this.#deadline) return;
    if ((this.#candidate?.challengesMade ?? 0) > challengeRepetitions) this.#forgetCandidate();
    else this.#makeChallenge(now, ptoMs);
  }

  #change(to: Address): PathChange {
    const change = to.address === this.#current.address ? 'rebinding' : 'move';
    this.#current = to;
    this.#isProven = true;
    this.#isFirst = false;
    this.#forgetCandidate();
    return change;
  }

  #isAsked(address: Address): boolean {
    return this.#candidate !== undefined && sameAddress(address, this.#candidate.address);
  }

  #makeChallenge(now: number, ptoMs: number): void {
    const candidate = this.#candidate;
    if (!candidate) return;
    candidate.challenges.push(this.#random(pathDataBytes));
    if (candidate.challenges.length > rememberedChallenges) candidate.challenges.shift();
    this.#isChallengeDue = true;
    const waitMs = Math.max(ptoMs, minChallengeWaitMs) * 2 ** candidate.challengesMade;
    // As for probes: a longer wait only delays the moment when a healed path is noticed.
    this.#deadline = now + Math.max(ptoMs, Math.min(waitMs, transportLimits.maxPtoMs));
    candidate.challengesMade += 1;
  }

  #forgetCandidate(): void {
    this.#candidate = undefined;
    this.#isChallengeDue = false;
    this.#deadline = undefined;
  }
}

/** Whoever drives the socket may use one object for all sources. */
function copyOf({ address, port }: Address): Address {
  return { address, port };
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}
