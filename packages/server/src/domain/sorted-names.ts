/** A set of names in ascending order, so that a page of a long list costs no sorting. */
export class SortedNames {
  readonly #names: string[] = [];

  get size(): number {
    return this.#names.length;
  }

  add(name: string): void {
    const at = this.#firstNotBefore(name);
    if (this.#names[at] !== name) this.#names.splice(at, 0, name);
  }

  delete(name: string): void {
    const at = this.#firstNotBefore(name);
    if (this.#names[at] === name) this.#names.splice(at, 1);
  }

  /** At most `limit` names behind `after`, or from the first on. */
  after(after: string | undefined, limit: number): string[] {
    if (after === undefined) return this.#names.slice(0, limit);
    const at = this.#firstNotBefore(after);
    const start = this.#names[at] === after ? at + 1 : at;
    return this.#names.slice(start, start + limit);
  }

  #firstNotBefore(name: string): number {
    let low = 0;
    let high = this.#names.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#names[middle] ?? '') < name) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
