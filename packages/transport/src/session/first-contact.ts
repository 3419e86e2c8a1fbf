/** How a link looks for its peer among the candidates: when what is sent, and what the first answer says of the path. */
import { sameAddress, type Address } from '../address.js';
import type { RandomSource } from '../crypto-provider.js';
import { transportLimits } from '../limits.js';
import type { Outbox } from '../outbox.js';
import { punchPacket } from '../wire/packets.js';
import { retryDelayMs } from './handshake-schedule.js';
import type { Handshakes } from './handshakes.js';

/** Punches that come faster than this are not answered one by one. */
const punchAnswerIntervalMs = 50;
/** Initiations that punches bring about: to addresses that get them anyway. */
const maxPunchAnswers = 8;

export class FirstContact {
  readonly #candidates: Address[];
  readonly #handshakes: Handshakes;
  readonly #outbox: Outbox;
  readonly #random: RandomSource;
  #attempts = 0;
  #answeredAt: Address | undefined;
  #answeredMany = false;
  /** Initiations, or responses, sent so far, and when the first was: they measure the round trip. */
  #handshakesSent = 0;
  #firstHandshakeAt = 0;
  #punchAnsweredAt = -Infinity;
  #punchAnswers = 0;

  constructor(candidates: readonly Address[], handshakes: Handshakes, outbox: Outbox, random: RandomSource) {
    this.#candidates = [...candidates];
    this.#handshakes = handshakes;
    this.#outbox = outbox;
    this.#random = random;
  }

  /** All candidates are tried now: by the initiation, or, of a responder, by a punch. @returns when to try them again */
  attempt(now: number): number {
    this.#sendTo(now, this.#candidates);
    return now + retryDelayMs(this.#attempts++);
  }

  /** More candidates, which are tried at once. @returns those that are new, and not too many */
  add(now: number, addresses: readonly Address[]): readonly Address[] {
    const added: Address[] = [];
    for (const { address, port } of addresses) {
      if (this.#candidates.length === transportLimits.candidates) break;
      if (this.#candidates.some((known) => known.port === port && known.address === address)) continue;
      const candidate = { address, port };
      this.#candidates.push(candidate);
      added.push(candidate);
    }
    this.#sendTo(now, added);
    return added;
  }

  /** Sends the initiation to a punch's source: what it says is not authenticated, but it is a candidate. */
  answerPunch(now: number, from: Address): void {
    if (this.#punchAnswers >= maxPunchAnswers || now - this.#punchAnsweredAt < punchAnswerIntervalMs) return;
    const candidate = this.#candidates.find((one) => sameAddress(one, from));
    if (!candidate) return;
    this.#punchAnsweredAt = now;
    this.#punchAnswers += 1;
    this.#sendTo(now, [candidate]);
  }

  /** The response goes to this address. */
  onAnswered(now: number, to: Address): void {
    this.#onHandshakeSent(now);
    if (!this.#answeredAt) this.#answeredAt = { address: to.address, port: to.port };
    else if (!sameAddress(this.#answeredAt, to)) this.#answeredMany = true;
  }

  /** Whether the response went to this address and to no other: who has received it is there. */
  hasAnsweredOnly(address: Address): boolean {
    return this.#answeredAt !== undefined && !this.#answeredMany && sameAddress(this.#answeredAt, address);
  }

  /**
   * The round trip, when the answer comes now; undefined when it cannot be told. Of several packets it is not known
   * which was answered: then this is an upper bound, unless a retry came between.
   */
  rttMs(now: number): number | undefined {
    const rttMs = now - this.#firstHandshakeAt;
    return this.#handshakesSent === 1 || rttMs < retryDelayMs(0) ? rttMs : undefined;
  }

  #sendTo(now: number, candidates: readonly Address[]): void {
    if (candidates.length === 0) return;
    const initiation = this.#handshakes.initiation(now);
    if (initiation) this.#onHandshakeSent(now);
    const packet = initiation ?? punchPacket(this.#random);
    for (const candidate of candidates) this.#outbox.push(candidate, packet);
  }

  #onHandshakeSent(now: number): void {
    if (this.#handshakesSent === 0) this.#firstHandshakeAt = now;
    this.#handshakesSent += 1;
  }
}
