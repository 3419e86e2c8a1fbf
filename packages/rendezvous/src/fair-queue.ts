/**
 * Datagrams of many flows that share one way out: each flow waits in a queue of its own, and they take turns by bytes
 * (deficit round robin: Shreedhar and Varghese, 1995), so that a flood of one delays nobody else.
 */
export interface FairQueueOptions {
  /** Of one flow: what comes beyond either is dropped. */
  readonly datagrams: number;
  readonly bytes: number;
  /**
   * Of all flows. None may hold more than what is still free, so however many floods there are, room is left for the
   * next flow (dynamic thresholds: Choudhury and Hahne, 1998).
   */
  readonly totalBytes: number;
}

/** What a flow may send in one turn; for a larger datagram it saves up. */
const quantumBytes = 1_500;

interface Flow<T> {
  readonly waiting: { readonly item: T; readonly bytes: number }[];
  bytes: number;
  creditBytes: number;
}

/** @typeParam F whatever stands for a flow */
export class FairQueue<F, T> {
  readonly #options: FairQueueOptions;
  /** In the order of their turns; one without a datagram is forgotten. */
  readonly #flows = new Map<F, Flow<T>>();
  #bytes = 0;

  constructor(options: FairQueueOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#flows.size === 0;
  }

  /** @returns false when it was dropped */
  push(key: F, item: T, bytes: number): boolean {
    const flow = this.#flows.get(key) ?? { waiting: [], bytes: 0, creditBytes: 0 };
    const mostBytes = Math.min(this.#options.bytes, this.#options.totalBytes - this.#bytes);
    if (flow.waiting.length >= this.#options.datagrams || flow.bytes + bytes > mostBytes) return false;
    flow.waiting.push({ item, bytes });
    flow.bytes += bytes;
    this.#bytes += bytes;
    this.#flows.set(key, flow);
    return true;
  }

  /** The next, of the flow whose turn it is. */
  shift(): T | undefined {
    for (const [key, flow] of this.#flows) {
      const [first] = flow.waiting;
      if (first && flow.creditBytes >= first.bytes) {
        flow.waiting.shift();
        flow.bytes -= first.bytes;
        this.#bytes -= first.bytes;
        flow.creditBytes -= first.bytes;
        if (flow.waiting.length === 0) this.#flows.delete(key);
        return first.item;
      }
      // Its turn is over: to the end of the row, which this loop reaches as well.
      flow.creditBytes += quantumBytes;
      this.#flows.delete(key);
      this.#flows.set(key, flow);
    }
    return undefined;
  }
}
