/** What was sent and is not confirmed yet, for each recipient: nothing is called delivered before its device says so. */
export class Outbox {
  readonly #capacityBytes: number;
  readonly #waiting = new Map<string, Map<string, number>>();
  readonly #bytes = new Map<string, number>();
  #changed = new Set<() => void>();

  /** @param capacityBytes what may wait for one recipient before `hasRoom` is false */
  constructor(capacityBytes: number) {
    this.#capacityBytes = capacityBytes;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** Whether every recipient that has something waiting can take more. */
  get hasRoom(): boolean {
    for (const bytes of this.#bytes.values()) if (bytes >= this.#capacityBytes) return false;
    return true;
  }

  add(to: string, id: string, bytes: number): void {
    const ids = this.#waiting.get(to) ?? new Map<string, number>();
    ids.set(id, bytes);
    this.#waiting.set(to, ids);
    this.#bytes.set(to, (this.#bytes.get(to) ?? 0) + bytes);
  }

  /** True when the message was waiting for this confirmation. */
  confirm(to: string, id: string): boolean {
    const ids = this.#waiting.get(to);
    const bytes = ids?.get(id);
    if (!ids || bytes === undefined) return false;
    ids.delete(id);
    this.#bytes.set(to, (this.#bytes.get(to) ?? 0) - bytes);
    if (ids.size === 0) this.#forget(to);
    this.#wake();
    return true;
  }

  /** Gives up on a recipient; the messages that were not confirmed, oldest first. */
  fail(to: string): string[] {
    const ids = [...(this.#waiting.get(to)?.keys() ?? [])];
    this.#forget(to);
    this.#wake();
    return ids;
  }

  /** Settles at the next confirmation or failure. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#changed.add(resolve));
  }

  #forget(to: string): void {
    this.#waiting.delete(to);
    this.#bytes.delete(to);
  }

  #wake(): void {
    const waiters = this.#changed;
    this.#changed = new Set();
    for (const wake of waiters) wake();
  }
}
