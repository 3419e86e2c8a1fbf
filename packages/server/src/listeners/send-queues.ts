/** A client that may be dropped for what it leaves unread. */
export interface Reader {
  /** Lets go of all that waits to be written to it. */
  drop(): void;
}

/**
 * Bounds what waits to be written to all clients together: beyond `maxBytes` those with the longest queues are dropped.
 * So many who read a little too slowly cannot do what one is not allowed to.
 */
export class SendQueues {
  readonly #maxBytes: number;
  readonly #queues = new Map<Reader, number>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Says how much waits for a reader now; 0 when it is gone. */
  set(reader: Reader, bytes: number): void {
    this.#bytes += bytes - (this.#queues.get(reader) ?? 0);
    if (bytes === 0) this.#queues.delete(reader);
    else this.#queues.set(reader, bytes);
    while (this.#bytes > this.#maxBytes) this.#dropLongest();
  }

  #dropLongest(): void {
    let longest: Reader | undefined;
    let longestBytes = 0;
    for (const [reader, bytes] of this.#queues) {
      if (bytes > longestBytes) [longest, longestBytes] = [reader, bytes];
    }
    if (!longest) throw new Error('bytes wait for nobody');
    this.set(longest, 0);
    longest.drop();
  }
}
