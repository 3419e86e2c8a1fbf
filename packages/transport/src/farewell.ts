/** The end of a link: whoever said CLOSE first repeats it until the other has said it too. */
import { closeCodes } from './errors.js';
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

/** @throws RangeError for a code that is not the application's */
export function requireApplicationCode(code: number): void {
  if (Number.isInteger(code) && code >= 0 && code < closeCodes.frameEncoding) return;
  throw new RangeError('the code of an application is from 0 up to 0x3fff');
}

/** A reason as it is told: 64 characters at most, none of them cut in two. */
export function shortened(reason: string): string {
  return reason.toWellFormed().slice(0, 64).toWellFormed();
}
