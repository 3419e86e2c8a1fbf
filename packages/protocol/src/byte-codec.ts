/** Reading and writing of binary fields; numbers are big-endian, varints as in RFC 9000, section 16. */

/** The bytes do not have the form they should; thrown by ByteReader and caught where hostile bytes come in. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError';
}

export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  /** Up to 2^53 - 1; the shortest form only, so that equal values have equal bytes. */
  varint(): number {
    const start = this.#advance(1);
    const size = 1 << (this.#view.getUint8(start) >> 6);
    this.#advance(size - 1);
    let value = this.#view.getUint8(start) & 0x3f;
    for (let i = 1; i < size; i += 1) value = value * 256 + this.#view.getUint8(start + i);
    if (!Number.isSafeInteger(value) || varintSize(value) !== size) throw new MalformedError('not a canonical varint');
    return value;
  }

  /** A view into the input, not a copy. */
  bytes(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  #advance(length: number): number {
    if (length > this.remaining) throw new MalformedError('too short');
    const start = this.#at;
    this.#at += length;
    return start;
  }
}

export class ByteWriter {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  u8(value: number): this {
    const start = this.#reserve(1);
    this.#view.setUint8(start, value);
    return this;
  }

  varint(value: number): this {
    const size = varintSize(value);
    const start = this.#reserve(size);
    let rest = value;
    for (let i = size - 1; i >= 0; i -= 1) {
      this.#view.setUint8(start + i, rest % 256);
      rest = Math.floor(rest / 256);
    }
    this.#view.setUint8(start, this.#view.getUint8(start) | (Math.log2(size) << 6));
    return this;
  }

  bytes(value: Uint8Array): this {
    const start = this.#reserve(value.length);
    this.#bytes.set(value, start);
    return this;
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#at);
  }

  /** May exchange the buffer: to be called before it is used. */
  #reserve(length: number): number {
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#at, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return start;
  }
}

function varintSize(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`no varint: ${String(value)}`);
  return value < 0x40 ? 1 : value < 0x4000 ? 2 : value < 0x4000_0000 ? 4 : 8;
}
