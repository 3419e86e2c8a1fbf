/** One thing at a time: what is measured is not disturbed by what others start meanwhile. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Runs the work once the turns of all who asked before are over.
   * @param work its turn lasts until it calls `endTurn`, after which it may go on beside others, or ends, well or not
   */
  async take<T>(work: (endTurn: () => void) => Promise<T>): Promise<T> {
    const before = this.#last;
    let endTurn = (): void => undefined;
    this.#last = new Promise<void>((resolve) => {
      endTurn = resolve;
    });
    await before;
    try {
      return await work(endTurn);
    } finally {
      endTurn();
    }
  }
}
