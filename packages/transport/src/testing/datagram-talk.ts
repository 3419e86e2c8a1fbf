/** The unreliable datagrams of two sides: each arrives at most once and as it was sent, or not at all. */
import type { SideName } from './side-name.js';
import { saidBytes, saidHeaderBytes } from './said-bytes.js';

export class DatagramTalk {
  /** Those of side a; the next number is that of side b. */
  readonly #flow: number;
  readonly #sentLengths: Readonly<Record<SideName, number[]>> = { a: [], b: [] };
  readonly #received: Readonly<Record<SideName, Set<number>>> = { a: new Set(), b: new Set() };

  constructor(flow: number) {
    this.#flow = flow;
  }

  sentBy(side: SideName): number {
    return this.#sentLengths[side].length;
  }

  receivedBy(side: SideName): number {
    return this.#received[side].size;
  }

  /** The next one of a side. @param length at least 8 bytes */
  next(from: SideName, length: number): Uint8Array {
    const lengths = this.#sentLengths[from];
    const datagram = saidBytes(this.#flowOf(from), lengths.length, length);
    lengths.push(datagram.length);
    return datagram;
  }

  /** @throws Error when it is none of those that the other side has sent, or comes again */
  receive(to: SideName, bytes: Uint8Array): void {
    const from = to === 'a' ? 'b' : 'a';
    const number = bytes.length < saidHeaderBytes ? -1 : Buffer.from(bytes).readUInt32BE(4);
    const length = this.#sentLengths[from][number];
    if (length === undefined || Buffer.compare(bytes, saidBytes(this.#flowOf(from), number, length)) !== 0) {
      throw new Error(`${to} gets a datagram that ${from} has not sent`);
    }
    if (this.#received[to].has(number)) throw new Error(`${to} gets datagram ${String(number)} of ${from} twice`);
    this.#received[to].add(number);
  }

  #flowOf(side: SideName): number {
    return this.#flow + (side === 'a' ? 0 : 1);
  }
}
