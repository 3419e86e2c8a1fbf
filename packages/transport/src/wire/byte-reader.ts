// Jest runs tests in a context of its own, where each look at a global such as `Number` costs much: one look is enough.
const { isSafeInteger } = Number;

/** The bytes do not have the form they should. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError';
}

/** Reads big-endian numbers and the variable-length integers of RFC 9000, section 16. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) throw new MalformedError('too short');
    this.#at += 1;
    return value;
  }

  /** Up to 2^53 - 1; the shortest form only, so that equal values have equal bytes. */
  varint(): number {
    const first = this.u8();
    const size = 1 << (first >> 6);
    let value = first & 0x3f;
    for (let i = 1; i < size; i += 1) value = value * 256 + this.u8();
    if (!isSafeInteger(value) || varintBytes(value) !== size) throw new MalformedError('not a canonical varint');
    return value;
  }

  /** A view into the input, not a copy. */
  bytes(length: number): Uint8Array {
    if (length > this.remaining) throw new MalformedError('too short');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}

/** How many bytes a varint takes: 1, 2, 4 or 8. */
export function varintBytes(value: number): number {
  if (!isSafeInteger(value) || value < 0) throw new RangeError(`no varint: ${String(value)}`);
  return value < 0x40 ? 1 : value < 0x4000 ? 2 : value < 0x4000_0000 ? 4 : 8;
}
