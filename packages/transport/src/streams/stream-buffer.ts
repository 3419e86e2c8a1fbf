const smallestCapacity = 4 * 1024;

/**
 * Bytes of a stream, by their offset, from a start that only moves up. Takes up to twice of what it holds: room is made
 * by moving the bytes to the front when a quarter of the array is free there, by a larger array else.
 */
export class StreamBuffer {
  #bytes = new Uint8Array(0);
  /** Where `start` is in the array. */
  #front = 0;
  #start = 0;
  #end = 0;

  /** Offset of the first byte that is kept. */
  get start(): number {
    return this.#start;
  }

  /** Offset behind the last byte that was ever written. */
  get end(): number {
    return this.#end;
  }

  get capacityBytes(): number {
    return this.#bytes.length;
  }

  /** @param offset not before `start`. Bytes between `end` and `offset` are undefined until they are written. */
  write(offset: number, data: Uint8Array): void {
    if (offset < this.#start) throw new RangeError('written before the start of the buffer');
    const end = Math.max(this.#end, offset + data.length);
    this.#makeRoom(end - this.#start);
    this.#bytes.set(data, this.#front + offset - this.#start);
    this.#end = end;
  }

  /** A view that is good until the next write or discard. */
  view(offset: number, length: number): Uint8Array {
    if (offset < this.#start || offset + length > this.#end) throw new RangeError('not in the buffer');
    const from = this.#front + offset - this.#start;
    return this.#bytes.subarray(from, from + length);
  }

  byteAt(offset: number): number {
    return this.view(offset, 1)[0] ?? 0;
  }

  discardTo(offset: number): void {
    if (offset < this.#start || offset > this.#end) throw new RangeError('not in the buffer');
    this.#front += offset - this.#start;
    this.#start = offset;
    if (this.#start === this.#end) {
      this.#front = 0;
      // An idle stream costs next to nothing.
      if (this.#bytes.length > smallestCapacity) this.#bytes = new Uint8Array(0);
    }
  }

  #makeRoom(needed: number): void {
    if (this.#front + needed <= this.#bytes.length) return;
    const held = this.#bytes.subarray(this.#front, this.#front + this.#end - this.#start);
    if (needed <= this.#bytes.length * 0.75) {
      this.#bytes.set(held);
    } else {
      let capacity = smallestCapacity;
      while (needed > capacity * 0.75) capacity *= 2;
      const grown = new Uint8Array(capacity);
      grown.set(held);
      this.#bytes = grown;
    }
    this.#front = 0;
  }
}
