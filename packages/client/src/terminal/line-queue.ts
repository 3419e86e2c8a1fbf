/** What a person types faster than commands finish; more is refused rather than kept. */
const maxLines = 1_000;

/** Items put in at one side and taken out, in order, at the other. */
export class LineQueue<T> implements AsyncIterable<T> {
  #items: T[] = [];
  #ended = false;
  #wake: (() => void) | undefined;

  /** @returns false when the queue is full or ended */
  push(item: T): boolean {
    if (this.#ended || this.#items.length >= maxLines) return false;
    this.#items.push(item);
    this.#wake?.();
    return true;
  }

  /** What is in it is still given out. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) yield item;
      else if (this.#ended) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
