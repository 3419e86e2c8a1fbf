import { varintBytes } from './byte-reader.js';

/** Writes into a buffer of fixed size; running over its end is a defect of the caller and throws. */
export class ByteWriter {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get room(): number {
    return this.#bytes.length - this.#at;
  }

  get length(): number {
    return this.#at;
  }

  u8(value: number): this {
    this.#bytes[this.#reserve(1)] = value;
    return this;
  }

  varint(value: number): this {
    const size = varintBytes(value);
    const start = this.#reserve(size);
    let rest = value;
    for (let i = size - 1; i >= 0; i -= 1) {
      this.#bytes[start + i] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    this.#bytes[start] = (this.#bytes[start] ?? 0) | (Math.log2(size) << 6);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.#bytes.set(value, this.#reserve(value.length));
    return this;
  }

  /** A view of what was written. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  #reserve(length: number): number {
    if (length > this.room) throw new RangeError('the buffer is full');
    this.#at += length;
    return this.#at - length;
  }
}
