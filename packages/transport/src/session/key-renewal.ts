/** Sends the initiations of a link that has a path already: for keys that are too old, or gone. */
import type { LinkPath } from '../link-path.js';
import type { Liveness } from '../liveness.js';
import type { Timers } from '../timers.js';
import type { Handshakes } from './handshakes.js';

export class KeyRenewal {
  readonly #handshakes: Handshakes;
  readonly #timers: Timers;
  readonly #liveness: Liveness;

  constructor(handshakes: Handshakes, timers: Timers, liveness: Liveness) {
    this.#handshakes = handshakes;
    this.#timers = timers;
    this.#liveness = liveness;
  }

  /** Begins a handshake on the path. */
  begin(now: number, path: LinkPath | undefined): void {
    this.#handshakes.begin(now);
    this.send(now, path);
  }

  /** The initiation leaves, perhaps again; unless it is given up. */
  send(now: number, path: LinkPath | undefined): void {
    const initiation = this.#handshakes.initiation(now);
    const again = this.#handshakes.onInitiationSent(now);
    this.#timers.set('handshake-retry', again);
    if (again === undefined || !initiation || !path) return;
    path.send(initiation);
    this.#liveness.onAsked(now);
  }

  /** Other keys are in use, or the same once more. */
  armExpiry(): void {
    this.#timers.set('key-expiry', this.#handshakes.keys.expiresAt);
  }
}
