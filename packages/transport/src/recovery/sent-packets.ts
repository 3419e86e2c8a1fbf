/**
 * Packets by number, ascending: those in flight, and those that were given up. They come in at the end, and leave
 * mostly at the beginning. So they stand in a ring, a place each; one that leaves from between leaves its place empty
 * until all before it are gone. Places count on and on (`start` to `end`), so that two packets in neighbouring places
 * were sent one behind the other. The numbers themselves may have gaps, of any width: packets that only acknowledge
 * have numbers too, and are not remembered.
 */
import type { SentPacket } from './sent-packet.js';

/** Of a link that is not at rest. */
const smallestCapacity = 16;
/** A ring larger than this is given back when it runs empty. */
const largestIdleCapacity = 64;
const noPackets: (SentPacket | undefined)[] = [];
const noNumbers = new Float64Array(0);

export class SentPackets {
  /** Place p is at index p mod capacity, a power of two. */
  #packets = noPackets;
  /** The numbers, of empty places also, for the search. */
  #numbers = noNumbers;
  #start = 0;
  #end = 0;
  #count = 0;
  #bytes = 0;

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** The sum of their sizes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The place of the oldest; `end` when there is none. */
  get start(): number {
    return this.#start;
  }

  /** The place behind the newest. */
  get end(): number {
    return this.#end;
  }

  /** Undefined for an empty place. */
  at(place: number): SentPacket | undefined {
    return this.#packets[place & (this.#packets.length - 1)];
  }

  /** @throws RangeError when its number is not above those of all before it */
  push(packet: SentPacket): void {
    let capacity = this.#packets.length;
    if (this.#end > this.#start && packet.number <= this.#numberAt(this.#end - 1)) {
      throw new RangeError('packet numbers only grow');
    }
    if (this.#end - this.#start === capacity) {
      capacity = Math.max(2 * capacity, smallestCapacity);
      this.#resize(capacity);
    }
    const index = this.#end & (capacity - 1);
    this.#packets[index] = packet;
    this.#numbers[index] = packet.number;
    this.#end += 1;
    this.#count += 1;
    this.#bytes += packet.bytes;
  }

  /** Empties a place that is not empty. */
  removeAt(place: number): void {
    const mask = this.#packets.length - 1;
    const packet = this.#packets[place & mask];
    if (!packet) throw new RangeError('no packet in this place');
    this.#packets[place & mask] = undefined;
    this.#count -= 1;
    this.#bytes -= packet.bytes;
    while (this.#start < this.#end && this.#packets[this.#start & mask] === undefined) this.#start += 1;
    if (this.#count === 0) this.#giveBack();
  }

  /**
   * The first place, empty or not, from `from` on whose number is `number` or more; `end` when there is none. It is
   * mostly near `from`, so the steps begin small.
   */
  placeOf(number: number, from: number): number {
    let low = Math.max(from, this.#start);
    let step = 1;
    while (low + step < this.#end && this.#numberAt(low + step) < number) {
      low += step;
      step *= 2;
    }
    let high = Math.min(low + step, this.#end);
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2);
      if (this.#numberAt(middle) < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Whether the packet in this place, gone or not, has at most this number; false behind the end. */
  reaches(place: number, number: number): boolean {
    return place < this.#end && this.#numberAt(place) <= number;
  }

  clear(): void {
    this.#start = this.#end;
    this.#count = 0;
    this.#bytes = 0;
    this.#packets = noPackets;
    this.#numbers = noNumbers;
  }

  #numberAt(place: number): number {
    return this.#numbers[place & (this.#numbers.length - 1)] ?? 0;
  }

  #giveBack(): void {
    if (this.#packets.length > largestIdleCapacity) this.#resize(smallestCapacity);
  }

  #resize(capacity: number): void {
    const packets = emptyRing(capacity);
    const numbers = new Float64Array(capacity);
    for (let place = this.#start; place < this.#end; place += 1) {
      packets[place & (capacity - 1)] = this.at(place);
      numbers[place & (capacity - 1)] = this.#numberAt(place);
    }
    this.#packets = packets;
    this.#numbers = numbers;
  }
}

function emptyRing(capacity: number): (SentPacket | undefined)[] {
  return new Array<SentPacket | undefined>(capacity).fill(undefined);
}
