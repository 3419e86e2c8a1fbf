import type { Writable } from 'node:stream';

/** What may wait for a reader that is slower than the events; beyond that it is given up. */
const maxWaitingBytes = 16 * 1024 * 1024;

/** The reader of a stream is so much slower than what is to be said that it was given up. */
export class SlowReaderError extends Error {
  override readonly name = 'SlowReaderError';
}

/** A stream of lines that may be slow to take them, or go away. */
export class Output {
  readonly #stream: Writable;
  readonly #maxWaitingBytes: number;
  readonly #onBroken: (error: Error) => void;
  #broken = false;

  /** @param onBroken called once, when nobody reads any longer; what is written after that is dropped */
  constructor(stream: Writable, onBroken: (error: Error) => void, maxBytes = maxWaitingBytes) {
    this.#stream = stream;
    this.#onBroken = onBroken;
    this.#maxWaitingBytes = maxBytes;
    stream.on('error', (error: Error) => {
      this.#breakOff(error);
    });
  }

  line(text: string): void {
    if (this.#broken) return;
    this.#stream.write(`${text}\n`);
    if (this.#stream.writableLength > this.#maxWaitingBytes) {
      this.#breakOff(new SlowReaderError(`nobody reads: ${String(this.#stream.writableLength)} bytes wait`));
    }
  }

  /** Settles when the reader keeps up again, or is gone. */
  ready(): Promise<void> {
    return this.#stream.writableNeedDrain ? this.#until('drain') : Promise.resolve();
  }

  /** Settles when all that was written is out, or cannot get out. */
  flushed(): Promise<void> {
    if (this.#broken || this.#stream.writableLength === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#stream.once('close', resolve);
      this.#stream.write('', () => {
        resolve();
      });
    });
  }

  #until(event: string): Promise<void> {
    if (this.#broken) return Promise.resolve();
    return new Promise((resolve) => {
      const settle = (): void => {
        for (const name of [event, 'error', 'close']) this.#stream.off(name, settle);
        resolve();
      };
      for (const name of [event, 'error', 'close']) this.#stream.on(name, settle);
    });
  }

  #breakOff(error: Error): void {
    if (this.#broken) return;
    this.#broken = true;
    this.#onBroken(error);
  }
}
