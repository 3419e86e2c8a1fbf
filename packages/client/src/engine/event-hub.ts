/** Tells listeners of events in order, and gives them out as an iterator. */

const queueLimit = 10_000;

export class EventHub<E> {
  readonly #listeners = new Set<(event: E) => void>();

  emit(event: E): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch (error) {
        // The listener's own defect: not to be lost, but nobody else's business.
        setImmediate(() => {
          throw error;
        });
      }
    }
  }

  on(listener: (event: E) => void): () => void {
    // Wrapped, so that the same function may listen twice.
    const wrapped = (event: E): void => {
      listener(event);
    };
    this.#listeners.add(wrapped);
    return () => {
      this.#listeners.delete(wrapped);
    };
  }

  /** The events from now on, until the signal; drops the oldest beyond 10,000 that nobody has read. */
  iterate(signal: AbortSignal): AsyncIterableIterator<E> {
    const queue: E[] = [];
    const readers: ((result: IteratorResult<E, undefined>) => void)[] = [];
    let ended = false;
    const off = this.on((event) => {
      const reader = readers.shift();
      if (reader) reader({ done: false, value: event });
      else if (queue.push(event) > queueLimit) queue.shift();
    });
    const end = (): void => {
      ended = true;
      off();
      signal.removeEventListener('abort', end);
      for (const reader of readers.splice(0)) reader({ done: true, value: undefined });
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
    return {
      next: () => {
        const event = queue.shift();
        if (event !== undefined) return Promise.resolve({ done: false, value: event });
        if (ended) return Promise.resolve({ done: true, value: undefined });
        return new Promise((resolve) => readers.push(resolve));
      },
      return: () => {
        end();
        queue.length = 0;
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }
}
