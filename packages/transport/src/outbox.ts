import type { Address } from './address.js';
import { transportLimits } from './limits.js';
import type { Transmit } from './link-event.js';

/** Datagrams of handshakes and closing that wait for the socket. Those beyond the bound are lost, as on a network. */
export class Outbox {
  /** Mostly there is none. */
  #waiting: Transmit[] | undefined;

  push(to: Address, bytes: Uint8Array): void {
    this.#waiting ??= [];
    if (this.#waiting.length < transportLimits.outbox) this.#waiting.push({ to, bytes });
  }

  shift(): Transmit | undefined {
    const first = this.#waiting?.shift();
    if (this.#waiting?.length === 0) this.#waiting = undefined;
    return first;
  }

  clear(): void {
    this.#waiting = undefined;
  }
}
