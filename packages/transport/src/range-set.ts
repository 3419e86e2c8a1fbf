/** Integers from `start` up to, not including, `end`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** A set of integers, kept as ascending ranges that neither overlap nor touch. */
export class RangeSet {
  #ranges: Range[] = [];

  /** How many ranges it takes. */
  get size(): number {
    return this.#ranges.length;
  }

  get first(): Range | undefined {
    return this.#ranges[0];
  }

  get last(): Range | undefined {
    return this.#ranges.at(-1);
  }

  ascending(): readonly Range[] {
    return this.#ranges;
  }

  add(start: number, end: number): void {
    if (start >= end) return;
    // What is added is most often behind or at the end of all the rest.
    const last = this.#ranges[this.#ranges.length - 1];
    if (!last || start > last.end) {
      this.#ranges.push({ start, end });
      return;
    }
    if (start >= last.start) {
      if (end > last.end) this.#ranges[this.#ranges.length - 1] = { start: last.start, end };
      return;
    }
    const from = this.#firstEndingAtOrAfter(start);
    let to = from;
    let mergedStart = start;
    let mergedEnd = end;
    for (let range = this.#ranges[to]; range && range.start <= end; range = this.#ranges[to]) {
      mergedStart = Math.min(mergedStart, range.start);
      mergedEnd = Math.max(mergedEnd, range.end);
      to += 1;
    }
    this.#ranges.splice(from, to - from, { start: mergedStart, end: mergedEnd });
  }

  remove(start: number, end: number): void {
    if (start >= end) return;
    const from = this.#firstEndingAtOrAfter(start + 1);
    const first = this.#ranges[from];
    if (!first || first.start >= end) return;
    let to = from;
    let last = first;
    for (let range = this.#ranges[to]; range && range.start < end; range = this.#ranges[to]) {
      last = range;
      to += 1;
    }
    this.#ranges.splice(from, to - from);
    if (last.end > end) this.#ranges.splice(from, 0, { start: end, end: last.end });
    if (first.start < start) this.#ranges.splice(from, 0, { start: first.start, end: start });
  }

  /** Removes the lowest ranges until at most `size` are left. */
  keepNewest(size: number): void {
    if (this.#ranges.length > size) this.#ranges = this.#ranges.slice(this.#ranges.length - size);
  }

  /** Whether some range overlaps or touches this one, so that adding it makes no new range. */
  touches(start: number, end: number): boolean {
    const range = this.#ranges[this.#firstEndingAtOrAfter(start)];
    return range !== undefined && range.start <= end;
  }

  /** Whether all of these, one at least, are in the set. */
  has(start: number, end: number): boolean {
    const range = this.#ranges[this.#firstEndingAtOrAfter(end)];
    return range !== undefined && range.start <= start;
  }

  /** Whether some of these are in the set. */
  overlaps(start: number, end: number): boolean {
    const range = this.#ranges[this.#firstEndingAtOrAfter(start + 1)];
    return range !== undefined && range.start < end;
  }

  #firstEndingAtOrAfter(value: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const range = this.#ranges[middle];
      if (range && range.end < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
