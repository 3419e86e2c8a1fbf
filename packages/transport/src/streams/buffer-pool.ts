import { streamLimits } from './stream-limits.js';

/** The smallest array of a stream buffer. */
const smallestCapacity = 4 * 1024;
/** Larger arrays are left to the garbage collector, and so is what would make more than this in all. */
const largestSpareBytes = 1024 * 1024;
const spareBytes = 4 * 1024 * 1024;
/** Small copies are cut from a slab of this size; a new array for each costs four times as much. */
const slabBytes = 16 * 1024;
/** All that an Ethernet's datagram brings is small. */
const smallCopyBytes = 1_500;

/**
 * The memory of the stream buffers of one endpoint. A buffer is empty most of the time and then holds no array; the
 * arrays that wait here spare each message an allocation.
 */
export class BufferPool {
  /** By the logarithm of their size. */
  readonly #spares: Uint8Array[][] = [];
  #spareBytes = 0;
  #slab = new Uint8Array(0);
  #slabAt = 0;

  /** An array of a power of two, at least 4 KiB. What is in it is arbitrary. */
  take(neededBytes: number): Uint8Array {
    const capacity = capacityFor(neededBytes);
    const spare = this.#spares[Math.clz32(capacity)]?.pop();
    if (!spare) return new Uint8Array(capacity);
    this.#spareBytes -= capacity;
    return spare;
  }

  /** Nobody may use the array from now on. */
  give(array: Uint8Array): void {
    const capacity = array.length;
    if (capacity > largestSpareBytes || this.#spareBytes + capacity > spareBytes) return;
    if (capacity !== capacityFor(capacity)) return;
    (this.#spares[Math.clz32(capacity)] ??= []).push(array);
    this.#spareBytes += capacity;
  }

  /** Bytes for somebody to keep; small ones share their memory with others. */
  cut(length: number): Uint8Array {
    if (length > smallCopyBytes) return new Uint8Array(length);
    if (this.#slabAt + length > this.#slab.length) {
      this.#slab = new Uint8Array(slabBytes);
      this.#slabAt = 0;
    }
    this.#slabAt += length;
    return this.#slab.subarray(this.#slabAt - length, this.#slabAt);
  }
}

/** The same where memory is scarce: little more than what is needed, but not a new array for each byte. */
export function tightCapacityFor(neededBytes: number): number {
  return Math.ceil(neededBytes / streamLimits.tightStepBytes) * streamLimits.tightStepBytes;
}

/** The size of the array that `take` gives. */
export function capacityFor(neededBytes: number): number {
  let capacity = smallestCapacity;
  while (capacity < neededBytes) capacity *= 2;
  return capacity;
}
