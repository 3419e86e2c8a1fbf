/** What one side says and hears: a numbered message at a steady pace, each of which is to arrive once and in order. */
import type { SeededRandom } from '@parley/simulator';

const everyMs = 100;
const numberBytes = 12;
const longestBytes = 300;

export class Talk {
  readonly #random: SeededRandom;
  #nextAt = Infinity;
  #sent = 0;
  #received = 0;
  /** When the first message came, and when the last. */
  firstAt: number | undefined;
  lastAt = -Infinity;
  /** Of the messages that came, when the newest was said. */
  newestSaidAt = -Infinity;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  get sent(): number {
    return this.#sent;
  }

  get received(): number {
    return this.#received;
  }

  /** When something is to be said; Infinity when nothing is. */
  get nextAt(): number {
    return this.#nextAt;
  }

  begin(now: number): void {
    this.#nextAt = now;
  }

  stop(): void {
    this.#nextAt = Infinity;
  }

  /** What is to be said now, if anything. */
  take(now: number): Uint8Array | undefined {
    if (now < this.#nextAt) return undefined;
    this.#nextAt = now + everyMs;
    const message = new Uint8Array(this.#random.between(numberBytes, longestBytes));
    const view = new DataView(message.buffer);
    view.setUint32(0, this.#sent);
    view.setFloat64(4, now);
    this.#sent += 1;
    return message;
  }

  /** @throws Error for one that is not the next */
  receive(now: number, message: Uint8Array): void {
    const view = new DataView(message.buffer, message.byteOffset);
    const number = view.getUint32(0);
    if (number !== this.#received) {
      throw new Error(`message ${String(number)} came where ${String(this.#received)} was next`);
    }
    this.#received += 1;
    this.firstAt ??= now;
    this.lastAt = now;
    this.newestSaidAt = view.getFloat64(4);
  }
}
