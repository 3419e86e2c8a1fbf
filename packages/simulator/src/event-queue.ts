/** Items by time; those of the same time come out in the order in which they went in. A binary heap in flat arrays. */
export class EventQueue<T> {
  /** By place in the heap: time, order of coming, item. The numbers stay unboxed that way. */
  #times = new Float64Array(64);
  #orders = new Float64Array(64);
  readonly #items: T[] = [];
  #added = 0;

  get size(): number {
    return this.#items.length;
  }

  /** Infinity when the queue is empty. */
  get nextAt(): number {
    return this.#items.length === 0 ? Infinity : (this.#times[0] ?? Infinity);
  }

  add(at: number, item: T): void {
    let place = this.#items.length;
    if (place === this.#times.length) this.#grow();
    const times = this.#times;
    const orders = this.#orders;
    const items = this.#items;
    items.push(item);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      // What came before stays above when the times are equal.
      if ((times[parent] as number) <= at) break;
      this.#move(parent, place);
      place = parent;
    }
    times[place] = at;
    orders[place] = this.#added++;
    items[place] = item;
  }

  /** The first, or undefined when the queue is empty. */
  take(): T | undefined {
    const items = this.#items;
    const first = items[0];
    const size = items.length - 1;
    if (size < 0) return undefined;
    const last = items.pop() as T;
    if (size > 0) this.#sink(this.#times[size] as number, this.#orders[size] as number, last);
    return first;
  }

  #sink(at: number, order: number, item: T): void {
    const times = this.#times;
    const size = this.#items.length;
    let place = 0;
    for (let child = 1; child < size; child = 2 * place + 1) {
      if (child + 1 < size && this.#isBefore(child + 1, times[child] as number, this.#orders[child] as number)) {
        child += 1;
      }
      if (!this.#isBefore(child, at, order)) break;
      this.#move(child, place);
      place = child;
    }
    times[place] = at;
    this.#orders[place] = order;
    this.#items[place] = item;
  }

  #isBefore(place: number, at: number, order: number): boolean {
    const time = this.#times[place] as number;
    return time === at ? (this.#orders[place] as number) < order : time < at;
  }

  #move(from: number, to: number): void {
    this.#times[to] = this.#times[from] as number;
    this.#orders[to] = this.#orders[from] as number;
    this.#items[to] = this.#items[from] as T;
  }

  #grow(): void {
    const times = new Float64Array(this.#times.length * 2);
    times.set(this.#times);
    this.#times = times;
    const orders = new Float64Array(times.length);
    orders.set(this.#orders);
    this.#orders = orders;
  }
}
