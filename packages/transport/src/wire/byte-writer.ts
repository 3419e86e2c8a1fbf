import { varintBytes } from './byte-reader.js';

/** Writes into a part of a buffer; running over its end is a defect of the caller and throws. */
export class ByteWriter {
  #bytes: Uint8Array;
  #start: number;
  #end: number;
  #at: number;

  /** Writes from `start` up to `end`. */
  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#start = start;
    this.#at = start;
    this.#end = end;
  }

  /** Begins anew, so that one writer serves many packets. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.#start = start;
    this.#at = start;
    this.#end = end;
  }

  get room(): number {
    return this.#end - this.#at;
  }

  /** Written so far. */
  get length(): number {
    return this.#at - this.#start;
  }

  u8(value: number): this {
    if (this.#at >= this.#end) throw new RangeError('the buffer is full');
    this.#bytes[this.#at++] = value;
    return this;
  }

  varint(value: number): this {
    const size = varintBytes(value);
    if (size > this.room) throw new RangeError('the buffer is full');
    const bytes = this.#bytes;
    let rest = value;
    if (size === 8) {
      const high = Math.floor(value / 2 ** 32);
      bytes[this.#at++] = 0xc0 | (high >>> 24);
      bytes[this.#at++] = high >>> 16;
      bytes[this.#at++] = high >>> 8;
      bytes[this.#at++] = high;
      rest = value % 2 ** 32;
    }
    if (size >= 4) {
      bytes[this.#at++] = (size === 4 ? 0x80 : 0) | (rest >>> 24);
      bytes[this.#at++] = rest >>> 16;
    }
    if (size >= 2) bytes[this.#at++] = (size === 2 ? 0x40 : 0) | ((rest >>> 8) & 0xff);
    bytes[this.#at++] = rest;
    return this;
  }

  bytes(value: Uint8Array): this {
    if (value.length > this.room) throw new RangeError('the buffer is full');
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
    return this;
  }

  zeros(length: number): this {
    if (length > this.room) throw new RangeError('the buffer is full');
    this.#bytes.fill(0, this.#at, this.#at + length);
    this.#at += length;
    return this;
  }

  /** A view of what was written. */
  written(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#at);
  }
}
