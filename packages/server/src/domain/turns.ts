/** Runs operations that wait in between one after the other, each key for itself. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  async take<T>(key: string, operation: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    // How the turn before ended is the business of whoever took it.
    const turn = before === undefined ? operation() : before.then(operation, operation);
    this.#last.set(key, turn);
    try {
      return await turn;
    } finally {
      if (this.#last.get(key) === turn) this.#last.delete(key);
    }
  }
}
