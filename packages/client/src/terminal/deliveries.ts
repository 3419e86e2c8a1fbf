import type { ReceiptEvent } from '../engine/api.js';
import type { SentText } from './command.js';

/** Receipts that came before the send they belong to settled; more than these are never in flight at once. */
const maxEarlyReceipts = 1_000;

/** Which of the texts sent are confirmed: the exit code tells. */
export class Deliveries {
  readonly #waiting = new Map<string, Set<string>>();
  readonly #early = new Set<string>();
  #failed = false;

  sent({ id, to }: SentText): void {
    const open = to.filter((user) => !this.#early.delete(`${id} ${user}`));
    if (open.length > 0) this.#waiting.set(id, new Set(open));
  }

  receipt({ id, to, state }: ReceiptEvent): void {
    if (state === 'failed') this.#failed = true;
    const waiting = this.#waiting.get(id);
    if (!waiting) {
      if (this.#early.size < maxEarlyReceipts) this.#early.add(`${id} ${to}`);
      return;
    }
    waiting.delete(to);
    if (waiting.size === 0) this.#waiting.delete(id);
  }

  /** True once a text is reported as failed, and as long as one is not confirmed. */
  get undelivered(): boolean {
    return this.#failed || this.#waiting.size > 0;
  }
}
