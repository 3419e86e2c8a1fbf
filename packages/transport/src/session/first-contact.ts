/** How a link looks for its peer among the candidates: when what is sent, and what the first answer says of the path. */
import { sameAddress, type Address } from '../address.js';
import { retryDelayMs } from './handshake-schedule.js';

/** Punches that come faster than this are not answered one by one. */
const punchAnswerIntervalMs = 50;
/** Initiations that punches bring about: to addresses that get them anyway. */
const maxPunchAnswers = 8;

export class FirstContact {
  readonly candidates: readonly Address[];
  #attempts = 0;
  #answeredAt: Address | undefined;
  #answeredMany = false;
  /** Initiations, or responses, sent so far, and when the first was: they measure the round trip. */
  #handshakesSent = 0;
  #firstHandshakeAt = 0;
  #punchAnsweredAt = -Infinity;
  #punchAnswers = 0;

  constructor(candidates: readonly Address[]) {
    this.candidates = candidates;
  }

  /** All candidates are tried now. @returns when to try them again */
  onAttempt(now: number): number {
    return now + retryDelayMs(this.#attempts++);
  }

  /** The response goes to this address. */
  onAnswered(to: Address): void {
    if (!this.#answeredAt) this.#answeredAt = { address: to.address, port: to.port };
    else if (!sameAddress(this.#answeredAt, to)) this.#answeredMany = true;
  }

  /** Whether the response went to this address and to no other: who has received it is there. */
  hasAnsweredOnly(address: Address): boolean {
    return this.#answeredAt !== undefined && !this.#answeredMany && sameAddress(this.#answeredAt, address);
  }

  /** An initiation or a response is sent. */
  onHandshakeSent(now: number): void {
    if (this.#handshakesSent === 0) this.#firstHandshakeAt = now;
    this.#handshakesSent += 1;
  }

  /** Whether to send the initiation to a punch's source: what it says is not authenticated, but it is a candidate. */
  answersPunch(now: number, from: Address): boolean {
    if (this.#punchAnswers >= maxPunchAnswers || now - this.#punchAnsweredAt < punchAnswerIntervalMs) return false;
    if (!this.candidates.some((candidate) => sameAddress(candidate, from))) return false;
    this.#punchAnsweredAt = now;
    this.#punchAnswers += 1;
    return true;
  }

  /**
   * The round trip, when the answer comes now; undefined when it cannot be told. Of several packets it is not known
   * which was answered: then this is an upper bound, unless a retry came between.
   */
  rttMs(now: number): number | undefined {
    const rttMs = now - this.#firstHandshakeAt;
    return this.#handshakesSent === 1 || rttMs < retryDelayMs(0) ? rttMs : undefined;
  }
}
