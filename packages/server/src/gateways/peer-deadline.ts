import type { Clock } from '../domain/index.js';

/** The first message of a stranger, and every one that has begun, is complete within this. */
export const messageMs = 10_000;

/** Ends the wait for a message that does not become complete, however its bytes may trickle. */
export class MessageDeadline {
  readonly #clock: Clock;
  readonly #late: () => void;
  #stop: (() => void) | undefined;

  constructor(clock: Clock, late: () => void) {
    this.#clock = clock;
    this.#late = late;
  }

  /** A message is due; goes on with the wait for it when there is one. */
  due(): void {
    this.#stop ??= this.#clock.after(messageMs, this.#late);
  }

  /** No message is due any more. */
  met(): void {
    this.#stop?.();
    this.#stop = undefined;
  }
}
