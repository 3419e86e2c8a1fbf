import type { Address } from './address.js';
import { transportLimits } from './limits.js';
import type { Transmit } from './link-event.js';

/** Datagrams of handshakes and closing that wait for the socket. Those beyond the bound are lost, as on a network. */
export class Outbox {
  readonly #waiting: Transmit[] = [];

  push(to: Address, bytes: Uint8Array): void {
    if (this.#waiting.length < transportLimits.outbox) this.#waiting.push({ to, bytes });
  }

  shift(): Transmit | undefined {
    return this.#waiting.shift();
  }

  clear(): void {
    this.#waiting.length = 0;
  }
}
