import { BufferPool, tightCapacityFor } from './buffer-pool.js';

const nothing = new Uint8Array(0);

/**
 * Bytes of a stream, by their offset, from a start that only moves up. A ring in an array of at most twice what it has
 * held (or 4 KiB), so that no byte moves but when the array grows; an empty buffer has none.
 */
export class StreamBuffer {
  readonly #pool: BufferPool;
  #bytes: Uint8Array = nothing;
  /** Where `start` is in the array. */
  #front = 0;
  #start = 0;
  #end = 0;

  constructor(pool = new BufferPool()) {
    this.#pool = pool;
  }

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
    if (data.length === 0) return;
    const end = offset + data.length;
    if (end - this.#start > this.#bytes.length) this.#grow(end - this.#start);
    const at = this.#indexOf(offset);
    const untilWrap = this.#bytes.length - at;
    if (data.length <= untilWrap) {
      this.#bytes.set(data, at);
    } else {
      this.#bytes.set(data.subarray(0, untilWrap), at);
      this.#bytes.set(data.subarray(untilWrap), 0);
    }
    if (end > this.#end) this.#end = end;
  }

  appendByte(value: number): void {
    const end = this.#end + 1;
    if (end - this.#start > this.#bytes.length) this.#grow(end - this.#start);
    this.#bytes[this.#indexOf(this.#end)] = value;
    this.#end = end;
  }

  /** A view that is good until the next write or discard; a copy where the ring closes inside it. */
  view(offset: number, length: number): Uint8Array {
    this.#check(offset, length);
    const at = this.#indexOf(offset);
    if (at + length <= this.#bytes.length) return this.#bytes.subarray(at, at + length);
    const joined = new Uint8Array(length);
    this.#copyTo(joined, at);
    return joined;
  }

  /** A copy to keep. */
  copy(offset: number, length: number): Uint8Array {
    this.#check(offset, length);
    const copied = this.#pool.cut(length);
    this.#copyTo(copied, this.#indexOf(offset));
    return copied;
  }

  /** Puts an array that nobody else uses into the buffer, which is empty. */
  adopt(array: Uint8Array): void {
    if (this.#bytes.length > 0) throw new RangeError('the buffer is not empty');
    this.#bytes = array;
    this.#front = 0;
    this.#end = this.#start + array.length;
  }

  /** All that is in the buffer, if that fills its array: then the array is the caller's. */
  release(): Uint8Array | undefined {
    const array = this.#bytes;
    if (this.#front !== 0 || this.#end - this.#start !== array.length) return undefined;
    this.#bytes = nothing;
    this.#start = this.#end;
    return array;
  }

  byteAt(offset: number): number {
    if (offset < this.#start || offset >= this.#end) throw new RangeError('not in the buffer');
    return this.#bytes[this.#indexOf(offset)] ?? 0;
  }

  discardTo(offset: number): void {
    if (offset < this.#start || offset > this.#end) throw new RangeError('not in the buffer');
    if (offset === this.#end) {
      this.#front = 0;
      if (this.#bytes.length > 0) {
        this.#pool.give(this.#bytes);
        this.#bytes = nothing;
      }
    } else {
      this.#front = this.#indexOf(offset);
    }
    this.#start = offset;
  }

  /** Goes on in this array, which nobody else uses. */
  moveTo(array: Uint8Array): void {
    const held = this.#end - this.#start;
    if (held > 0) this.#copyTo(array.subarray(0, held), this.#front);
    if (this.#bytes.length > 0) this.#pool.give(this.#bytes);
    this.#bytes = array;
    this.#front = 0;
  }

  /** Moves the bytes into an array that is hardly larger than they are. */
  tighten(): void {
    const capacity = tightCapacityFor(this.#end - this.#start);
    if (this.#bytes.length > capacity) this.moveTo(new Uint8Array(capacity));
  }

  #check(offset: number, length: number): void {
    if (offset < this.#start || offset + length > this.#end) throw new RangeError('not in the buffer');
  }

  #indexOf(offset: number): number {
    const at = this.#front + offset - this.#start;
    return at < this.#bytes.length ? at : at - this.#bytes.length;
  }

  #copyTo(target: Uint8Array, at: number): void {
    const untilWrap = this.#bytes.length - at;
    if (target.length <= untilWrap) {
      target.set(this.#bytes.subarray(at, at + target.length));
    } else {
      target.set(this.#bytes.subarray(at));
      target.set(this.#bytes.subarray(0, target.length - untilWrap), untilWrap);
    }
  }

  #grow(neededBytes: number): void {
    this.moveTo(this.#pool.take(neededBytes));
  }
}
