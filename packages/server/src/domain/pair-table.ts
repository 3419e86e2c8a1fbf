/** One value for an ordered pair of names, found from either end. */
export class PairTable<T> {
  readonly #forward = new Map<string, Map<string, T>>();
  readonly #backward = new Map<string, Map<string, T>>();

  get(from: string, to: string): T | undefined {
    return this.#forward.get(from)?.get(to);
  }

  set(from: string, to: string, value: T): void {
    put(this.#forward, from, to, value);
    put(this.#backward, to, from, value);
  }

  delete(from: string, to: string): void {
    remove(this.#forward, from, to);
    remove(this.#backward, to, from);
  }

  /** Those with `from` as the first name, in the order they were put in. */
  from(name: string): [to: string, value: T][] {
    return [...(this.#forward.get(name) ?? [])];
  }

  to(name: string): [from: string, value: T][] {
    return [...(this.#backward.get(name) ?? [])];
  }

  *entries(): Generator<[from: string, to: string, value: T]> {
    for (const [from, row] of this.#forward) for (const [to, value] of row) yield [from, to, value];
  }
}

/** Two names in ascending order: for what both ends share. */
export function ordered(first: string, second: string): [string, string] {
  return first < second ? [first, second] : [second, first];
}

function put<T>(table: Map<string, Map<string, T>>, first: string, second: string, value: T): void {
  const row = table.get(first) ?? new Map<string, T>();
  table.set(first, row.set(second, value));
}

function remove<T>(table: Map<string, Map<string, T>>, first: string, second: string): void {
  const row = table.get(first);
  row?.delete(second);
  if (row?.size === 0) table.delete(first);
}
