/** Unreliable datagrams that wait; what is stale when it is late gives way to what is new. */
export class DatagramQueue {
  readonly #most: number;
  readonly #mostBytes: number;
  #waiting: Uint8Array[] = [];
  #bytes = 0;

  constructor(most: number, mostBytes = Infinity) {
    this.#most = most;
    this.#mostBytes = mostBytes;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get first(): Uint8Array | undefined {
    return this.#waiting[0];
  }

  /** @returns whether nothing had to give way. */
  push(datagram: Uint8Array): boolean {
    this.#waiting.push(datagram);
    this.#bytes += datagram.length;
    let hasRoom = true;
    while (this.#waiting.length > this.#most || this.#bytes > this.#mostBytes) {
      this.shift();
      hasRoom = false;
    }
    return hasRoom;
  }

  shift(): Uint8Array | undefined {
    const first = this.#waiting.shift();
    this.#bytes -= first?.length ?? 0;
    return first;
  }

  dropLargerThan(bytes: number): void {
    this.#waiting = this.#waiting.filter(({ length }) => length <= bytes);
    this.#bytes = this.#waiting.reduce((sum, { length }) => sum + length, 0);
  }
}
