/** What waits for one key, first in first out. */
type Row<T> = T[];

/**
 * A bounded queue whose keys take turns, however many items each has waiting. When it is full, a key with fewer items
 * than another is let in at the cost of the other's last item; so nobody is kept out by somebody else's crowd.
 */
export class FairQueue<T> {
  readonly #length: number;
  /** In the order in which their turns come; none is empty. */
  readonly #rows = new Map<string, Row<T>>();
  #size = 0;

  constructor(length: number) {
    this.#length = length;
  }

  get size(): number {
    return this.#size;
  }

  /** @returns what does not get a place: nothing, the item itself, or one that has waited until now. */
  push(key: string, item: T): T | undefined {
    if (this.#size < this.#length) {
      this.#append(key, item);
      return undefined;
    }
    const longest = this.#longestRow();
    const mine = this.#rows.get(key)?.length ?? 0;
    if (!longest || longest.length <= mine + 1) return item;
    const evicted = longest.pop();
    this.#size -= 1;
    this.#append(key, item);
    return evicted;
  }

  /** The next item, of the key whose turn it is. */
  shift(): T | undefined {
    for (const [key, row] of this.#rows) {
      const item = row.shift();
      this.#size -= 1;
      this.#rows.delete(key);
      if (row.length > 0) this.#rows.set(key, row);
      return item;
    }
    return undefined;
  }

  /** Takes out all that `matches`. */
  remove(matches: (item: T) => boolean): T[] {
    const removed: T[] = [];
    for (const [key, row] of this.#rows) {
      const kept = row.filter((item) => !matches(item));
      removed.push(...row.filter(matches));
      if (kept.length > 0) this.#rows.set(key, kept);
      else this.#rows.delete(key);
    }
    this.#size -= removed.length;
    return removed;
  }

  #append(key: string, item: T): void {
    const row = this.#rows.get(key);
    if (row) row.push(item);
    else this.#rows.set(key, [item]);
    this.#size += 1;
  }

  #longestRow(): Row<T> | undefined {
    let longest: Row<T> | undefined;
    for (const row of this.#rows.values()) if (!longest || row.length > longest.length) longest = row;
    return longest;
  }
}
