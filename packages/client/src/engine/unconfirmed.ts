/** What was sent to one device and is not confirmed yet: nothing is called delivered before that device says so. */
export class Unconfirmed {
  readonly #sizes = new Map<string, number>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  add(id: string, bytes: number): void {
    this.#sizes.set(id, bytes);
    this.#bytes += bytes;
  }

  /** True when the message was waiting for this confirmation. */
  confirm(id: string): boolean {
    const bytes = this.#sizes.get(id);
    if (bytes === undefined) return false;
    this.#sizes.delete(id);
    this.#bytes -= bytes;
    return true;
  }

  /** Gives up on all; their ids, oldest first. */
  giveUp(): string[] {
    const ids = [...this.#sizes.keys()];
    this.#sizes.clear();
    this.#bytes = 0;
    return ids;
  }
}
