interface Entry<T> {
  readonly at: number;
  readonly order: number;
  readonly item: T;
}

/** Items by time; those of the same time come out in the order in which they went in. A binary heap. */
export class EventQueue<T> {
  readonly #heap: Entry<T>[] = [];
  #added = 0;

  get nextAt(): number | undefined {
    return this.#heap[0]?.at;
  }

  add(at: number, item: T): void {
    const entry = { at, order: this.#added++, item };
    let index = this.#heap.length;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = this.#heap[parent];
      if (!above || isBefore(above, entry)) break;
      this.#heap[index] = above;
      index = parent;
    }
    this.#heap[index] = entry;
  }

  take(): T | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (first && last && first !== last) this.#sink(last);
    return first?.item;
  }

  #sink(entry: Entry<T>): void {
    let index = 0;
    for (;;) {
      const left = this.#heap[2 * index + 1];
      const right = this.#heap[2 * index + 2];
      if (!left) break;
      const [child, at] = right && isBefore(right, left) ? [right, 2 * index + 2] : [left, 2 * index + 1];
      if (isBefore(entry, child)) break;
      this.#heap[index] = child;
      index = at;
    }
    this.#heap[index] = entry;
  }
}

function isBefore<T>(a: Entry<T>, b: Entry<T>): boolean {
  return a.at === b.at ? a.order < b.order : a.at < b.at;
}
