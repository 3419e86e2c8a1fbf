/**
 * Datagrams of many flows that share one way out: each flow waits in a queue of its own, and they take turns by bytes
 * (deficit round robin: Shreedhar and Varghese, 1995), so that a flood of one delays nobody else.
 */
export interface FairQueueOptions {
  /** Of one flow: what comes beyond either is dropped. */
  readonly datagrams: number;
  readonly bytes: number;
}

/** What a flow may send in one turn; for a larger datagram it saves up. */
const quantumBytes = 1_500;

interface Flow<T> {
  readonly waiting: { readonly item: T; readonly bytes: number }[];
  bytes: number;
  creditBytes: number;
}

export class FairQueue<T> {
  readonly #options: FairQueueOptions;
  /** In the order of their turns; one without a datagram is forgotten. */
  readonly #flows = new Map<string, Flow<T>>();

  constructor(options: FairQueueOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#flows.size === 0;
  }

  /** @returns false when it was dropped */
  push(name: string, item: T, bytes: number): boolean {
    const flow = this.#flows.get(name) ?? { waiting: [], bytes: 0, creditBytes: 0 };
    if (flow.waiting.length >= this.#options.datagrams || flow.bytes + bytes > this.#options.bytes) return false;
    flow.waiting.push({ item, bytes });
    flow.bytes += bytes;
    this.#flows.set(name, flow);
    return true;
  }

  /** The next, of the flow whose turn it is. */
  shift(): T | undefined {
    for (const [name, flow] of this.#flows) {
      const [first] = flow.waiting;
      if (first && flow.creditBytes >= first.bytes) {
        flow.waiting.shift();
        flow.bytes -= first.bytes;
        flow.creditBytes -= first.bytes;
        if (flow.waiting.length === 0) this.#flows.delete(name);
        return first.item;
      }
      // Its turn is over: to the end of the row, which this loop reaches as well.
      flow.creditBytes += quantumBytes;
      this.#flows.delete(name);
      this.#flows.set(name, flow);
    }
    return undefined;
  }
}
