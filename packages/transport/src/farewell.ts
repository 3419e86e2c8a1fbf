/** The end of a link: whoever said CLOSE first repeats it until the other has said it too. */
import { transportLimits } from './limits.js';

/** The longest first wait before CLOSE is repeated; what follows doubles. */
const maxRetryMs = 500;

export class Farewell {
  readonly by: 'us' | 'peer';
  readonly code: number;
  readonly reason: string;
  #answersLeft: number = transportLimits.lateAnswers;
  #retryMs: number;

  constructor(by: 'us' | 'peer', code: number, reason: string, ptoMs: number) {
    this.by = by;
    this.code = code;
    this.reason = reason;
    this.#retryMs = Math.min(ptoMs, maxRetryMs);
  }

  /** CLOSE was sent. @returns when to send it again; undefined when the peer said it first */
  nextRetryAt(now: number): number | undefined {
    if (this.by === 'peer') return undefined;
    const at = now + this.#retryMs;
    this.#retryMs *= 2;
    return at;
  }

  /** Whether a late packet is answered with CLOSE. */
  answersLatePacket(): boolean {
    if (this.#answersLeft === 0) return false;
    this.#answersLeft -= 1;
    return true;
  }
}
