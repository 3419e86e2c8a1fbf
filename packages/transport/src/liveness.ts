/** Whether the peer is still there: when to ask it, and when its silence counts as its end. */
import type { TransportConfig } from './limits.js';
import type { Timers } from './timers.js';

export class Liveness {
  readonly #config: TransportConfig;
  readonly #timers: Timers;
  /** Whether something was sent that asks for an answer, and none has come. */
  readonly #isAnswerDue: () => boolean;

  constructor(config: TransportConfig, timers: Timers, isAnswerDue: () => boolean) {
    this.#config = config;
    this.#timers = timers;
    this.#isAnswerDue = isAnswerDue;
  }

  /** An authentic packet came. */
  onHeard(now: number): void {
    this.#timers.set('keep-alive', now + this.#config.keepAliveMs);
    this.#timers.set('idle', this.#isSilenceLoss ? now + this.#config.peerIdleTimeoutMs : undefined);
  }

  /** Something was sent that asks for an answer. */
  onAsked(now: number): void {
    if (!this.#timers.isSet('idle')) this.#timers.set('idle', now + this.#config.peerIdleTimeoutMs);
  }

  /** The peer was pinged because it was silent. */
  onPinged(now: number): void {
    this.#timers.set('keep-alive', now + this.#config.keepAliveMs);
  }

  /** All that was in flight may be lost, and nothing of it worth another packet: then there is nothing to wait for. */
  onLoss(): void {
    if (!this.#isSilenceLoss) this.#timers.set('idle', undefined);
  }

  /** A watched link ends by silence alone, any other only when an answer is due. */
  get #isSilenceLoss(): boolean {
    return this.#config.keepAliveMs !== Infinity || this.#isAnswerDue();
  }
}
