/**
 * Where the peer is, and whether that is proven (RFC 9000, sections 8.2 and 9): datagrams go to the source of the newest
 * authentic packet, and before the peer has answered from there, no more than three times what came from there.
 */
import { sameAddress, type Address } from '../address.js';
import type { RandomSource } from '../crypto-provider.js';
import { pathDataBytes } from '../wire/frame-types.js';

/** RFC 9000, section 8.1. */
const amplificationFactor = 3;
/** A challenge is repeated so often, with other bytes, before the address is given up. */
const challengeRepetitions = 3;
/** Less does not carry a challenge. */
const smallestChallengeBytes = 64;
/**
 * The first wait for an answer, at least; each further one is twice as long. The probe timeout is that of the path
 * before, and a new one may be far slower: 1.5 s in all leave time for one of the newest two challenges.
 */
const minChallengeWaitMs = 100;

/**
 * What a call did to the address that datagrams go to.
 *
 * - `rebinding`: the same IP address and another port. Most likely a NAT forgot the binding; what is known about the
 *   path still holds (RFC 9000, section 9.4).
 * - `move`: another IP address. Round trip, congestion and MTU are to be learned anew.
 */
export type PathChange = 'none' | 'rebinding' | 'move';

export class PathValidator {
  readonly #random: RandomSource;
  #proven: Address;
  /** The source of the newest packet, when that is not the proven one. */
  #candidate: Address | undefined;
  /** A candidate that did not answer in time, with the bytes from it and to it: perhaps the path was dead just then. */
  #unanswered: { readonly address: Address; readonly receivedBytes: number; readonly sentBytes: number } | undefined;
  /** Bytes from the candidate, and to it. */
  #receivedBytes = 0;
  #sentBytes = 0;
  /** The newest two, each of 8 bytes, and how many of them were made for the candidate. */
  #challenge = new Uint8Array(pathDataBytes);
  #challengeBefore = new Uint8Array(pathDataBytes);
  #challengesMade = 0;
  #isChallengeDue = false;
  #deadline: number | undefined;

  /**
   * @param proven for the initiator the source of the response, for the responder that of the first authentic data
   * packet: nobody else could have made them
   */
  constructor(proven: Address, random: RandomSource) {
    this.#proven = proven;
    this.#random = random;
  }

  /** Where datagrams go. */
  get address(): Address {
    return this.#candidate ?? this.#proven;
  }

  /** Whether the peer has proved to be there. */
  get isProven(): boolean {
    return this.#candidate === undefined;
  }

  /** When `onTimeout` is due. */
  get deadline(): number | undefined {
    return this.#deadline;
  }

  /** Whether a PATH_CHALLENGE is to be sent. */
  get hasChallenge(): boolean {
    return this.#isChallengeDue;
  }

  /**
   * An authentic packet came. Call this before anything in it is answered.
   * @param bytes of the whole datagram
   * @param isNewest no packet with a higher number came before it
   * @param ptoMs the probe timeout, for how long to wait for the answer to a challenge
   */
  onDatagram(now: number, from: Address, bytes: number, isNewest: boolean, ptoMs: number): PathChange {
    const candidate = this.#candidate;
    if (candidate) {
      if (sameAddress(from, candidate)) {
        this.#receivedBytes += bytes;
        return 'none';
      }
      if (!isNewest) return 'none';
      if (sameAddress(from, this.#proven)) return this.#returnToProven();
    } else if (!isNewest) {
      return 'none';
    } else if (sameAddress(from, this.#proven)) {
      this.#unanswered = undefined;
      return 'none';
    }
    return this.#tryCandidate(now, from, bytes, 0, ptoMs);
  }

  /**
   * Nothing comes back from the proven address, which the peer had left: the one that did not answer is tried again,
   * within what is left of three times what came from there.
   */
  tryUnanswered(now: number, ptoMs: number): PathChange {
    const unanswered = this.#unanswered;
    if (!unanswered || this.#candidate) return 'none';
    return this.#tryCandidate(now, unanswered.address, unanswered.receivedBytes, unanswered.sentBytes, ptoMs);
  }

  /** Whether a datagram of so many bytes may leave now. All of them count, also those without a challenge. */
  maySend(bytes: number): boolean {
    return bytes <= this.budgetBytes;
  }

  /**
   * How many bytes may leave for `address` now. A third of what is allowed is kept for challenges: without an answer to
   * one of them nothing else ever follows.
   */
  get budgetBytes(): number {
    if (!this.#candidate) return Infinity;
    const forData = (amplificationFactor - 1) * this.#receivedBytes - this.#sentBytes;
    if (!this.#isChallengeDue || forData >= smallestChallengeBytes) return forData;
    return Math.min(forData + this.#receivedBytes, smallestChallengeBytes);
  }

  /** A datagram left for `address`. */
  onSent(bytes: number): void {
    if (this.#candidate) this.#sentBytes += bytes;
  }

  /** The 8 bytes for a PATH_CHALLENGE, once; undefined when none is due. A view, good until the next call. */
  takeChallenge(): Uint8Array | undefined {
    if (!this.#isChallengeDue) return undefined;
    this.#isChallengeDue = false;
    return this.#challenge;
  }

  /**
   * A PATH_RESPONSE came, whatever its source: only who reads what is sent to the address could know the bytes.
   * @returns whether the address is proven by it
   */
  onResponse(data: Uint8Array): boolean {
    const candidate = this.#candidate;
    if (!candidate) return false;
    const isAnswer = equal(data, this.#challenge) || (this.#challengesMade > 1 && equal(data, this.#challengeBefore));
    if (!isAnswer) return false;
    this.#proven = candidate;
    this.#forgetCandidate();
    return true;
  }

  /**
   * Something came that only who received what was sent to the address could have made: a handshake's response.
   * @returns whether the address is proven by it
   */
  onAnswer(from: Address): boolean {
    const candidate = this.#candidate;
    if (!candidate || !sameAddress(candidate, from)) return false;
    this.#proven = candidate;
    this.#forgetCandidate();
    return true;
  }

  /** Another challenge; or, when it was the last, back to the last proven address. */
  onTimeout(now: number, ptoMs: number): PathChange {
    if (this.#deadline === undefined || now < this.#deadline) return 'none';
    if (this.#challengesMade > challengeRepetitions) {
      const { address } = this;
      const [receivedBytes, sentBytes] = [this.#receivedBytes, this.#sentBytes];
      const change = this.#returnToProven();
      const isSpent = sentBytes + smallestChallengeBytes > amplificationFactor * receivedBytes;
      if (!isSpent) this.#unanswered = { address, receivedBytes, sentBytes };
      return change;
    }
    this.#makeChallenge(now, ptoMs);
    return 'none';
  }

  #tryCandidate(now: number, from: Address, receivedBytes: number, sentBytes: number, ptoMs: number): PathChange {
    const change = changeBetween(this.address, from);
    // A copy: whoever drives the socket may use one object for all sources.
    this.#candidate = { address: from.address, port: from.port };
    this.#receivedBytes = receivedBytes;
    this.#sentBytes = sentBytes;
    this.#unanswered = undefined;
    this.#challengesMade = 0;
    this.#makeChallenge(now, ptoMs);
    return change;
  }

  #makeChallenge(now: number, ptoMs: number): void {
    const oldest = this.#challengeBefore;
    this.#challengeBefore = this.#challenge;
    this.#challenge = oldest;
    this.#challenge.set(this.#random(pathDataBytes));
    this.#isChallengeDue = true;
    this.#deadline = now + Math.max(ptoMs, minChallengeWaitMs) * 2 ** this.#challengesMade;
    this.#challengesMade += 1;
  }

  #returnToProven(): PathChange {
    const change = changeBetween(this.address, this.#proven);
    this.#forgetCandidate();
    return change;
  }

  #forgetCandidate(): void {
    this.#candidate = undefined;
    this.#isChallengeDue = false;
    this.#deadline = undefined;
  }
}

function changeBetween(a: Address, b: Address): PathChange {
  return a.address === b.address ? 'rebinding' : 'move';
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}
