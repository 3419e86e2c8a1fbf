/**
 * One side of a channel, at its client: binds to the relay, and binds again now and then, so that neither the relay nor
 * a NAT on the way forgets it, and so that a new address is proved soon. Sans-IO; milliseconds of any clock.
 */
import { encodeRelayFrame, relayProofBytes, type RelayFrame, type RelaySide } from './relay-frames.js';

export interface RelayBindingOptions {
  readonly channel: number;
  readonly side: RelaySide;
  /** 32 bytes, from the server, for this side alone. */
  readonly token: Uint8Array;
  /** The relay's. */
  readonly mac: (key: Uint8Array, ...parts: readonly Uint8Array[]) => Uint8Array;
}

/** Asked again after so long, then after twice as long each time, at most this. */
const firstRetryMs = 250;
const longestRetryMs = 4_000;
/** So many questions without an answer: nothing gets through. It goes on asking, for the way may open again. */
const silentQuestions = 5;
/** Mappings of UDP in NATs live for 30 s at least, whatever is recommended. */
const refreshMs = 20_000;

export class RelayBinding {
  readonly #options: RelayBindingOptions;
  #question: Uint8Array;
  #unsent: Uint8Array | undefined;
  #askAt: number;
  #questions = 0;
  #isBound = false;
  /** A bind is under way that no challenge has answered. */
  #isAskingToBind = false;

  constructor(now: number, options: RelayBindingOptions) {
    this.#options = options;
    this.#question = this.#bind();
    this.#askAt = now;
  }

  /** `silent`: not bound, and nothing was heard of the relay for several seconds. */
  get state(): 'binding' | 'bound' | 'silent' {
    if (this.#isBound) return 'bound';
    return this.#questions >= silentQuestions ? 'silent' : 'binding';
  }

  nextTimeout(): number {
    return this.#askAt;
  }

  handleTimeout(now: number): void {
    if (now < this.#askAt) return;
    // An answer that did not come may have been lost because the address has changed: from the beginning.
    if (this.#questions > 0 || this.#isBound) this.#question = this.#bind();
    if (this.#questions >= silentQuestions) this.#isBound = false;
    this.#isAskingToBind = true;
    this.#ask(now);
  }

  /** @param frame from the relay @returns whether it is about this channel and this side */
  handleFrame(now: number, frame: RelayFrame): boolean {
    const { channel, side, mac, token } = this.#options;
    if (frame.channel !== channel || frame.side !== side) return false;
    // What was not asked for is not answered: it would be a way to have proofs made.
    if (frame.type === 'challenge') {
      if (!this.#isAskingToBind) return false;
      this.#isAskingToBind = false;
      const proof = mac(token, frame.cookie).slice(0, relayProofBytes);
      this.#question = encodeRelayFrame({ type: 'prove', side, channel, cookie: frame.cookie, proof });
      this.#questions = 0;
      this.#ask(now);
    } else if (frame.type === 'bound') {
      this.#isBound = true;
      this.#questions = 0;
      this.#unsent = undefined;
      this.#askAt = now + refreshMs;
    }
    return frame.type === 'challenge' || frame.type === 'bound';
  }

  /**
   * The own address has changed, or may have: at once instead of at the next refresh. Questions without an answer go on
   * counting: asked anew each time, a relay that UDP no longer reaches would never be found silent.
   */
  bindAgain(now: number): void {
    this.#question = this.#bind();
    this.#askAt = now;
  }

  pollTransmit(): Uint8Array | undefined {
    const bytes = this.#unsent;
    this.#unsent = undefined;
    return bytes;
  }

  #ask(now: number): void {
    this.#unsent = this.#question;
    this.#askAt = now + Math.min(firstRetryMs * 2 ** this.#questions, longestRetryMs);
    this.#questions += 1;
  }

  #bind(): Uint8Array {
    const { channel, side } = this.#options;
    return encodeRelayFrame({ type: 'bind', side, channel });
  }
}
