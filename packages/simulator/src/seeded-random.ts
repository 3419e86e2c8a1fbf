// Jest runs tests in a context of its own, where each look at a global such as `Math` costs much: one look is enough.
const { floor, imul } = Math;

/** Pseudo-random numbers from a seed: xoshiro128** 1.1 (Blackman and Vigna), seeded by SplitMix32. Not for secrets. */
export class SeededRandom {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    this.#a = splitMix32(seed, 1);
    this.#b = splitMix32(seed, 2);
    this.#c = splitMix32(seed, 3);
    this.#d = splitMix32(seed, 4);
  }

  /** 0 to 2^32 - 1. */
  u32(): number {
    const result = imul(rotated(imul(this.#b, 5), 7), 9) >>> 0;
    const third = this.#c ^ this.#a;
    const fourth = this.#d ^ this.#b;
    const shifted = this.#b << 9;
    this.#b ^= third;
    this.#a ^= fourth;
    this.#c = third ^ shifted;
    this.#d = rotated(fourth, 11);
    return result;
  }

  /** From 0 up to, not including, 1. */
  fraction(): number {
    return this.u32() / 2 ** 32;
  }

  /** An integer from 0 up to, not including, `limit`. */
  below(limit: number): number {
    return floor(this.fraction() * limit);
  }

  /** An integer from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** @throws RangeError when there is none to choose. */
  oneOf<T>(choices: readonly T[]): T {
    if (choices.length === 0) throw new RangeError('nothing to choose from');
    return choices[this.below(choices.length)] as T;
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i += 1) bytes[i] = this.u32();
    return bytes;
  }
}

/** The `turn`th number after the seed. */
function splitMix32(seed: number, turn: number): number {
  let mixed = (seed + imul(turn, 0x9e37_79b9)) | 0;
  mixed = imul(mixed ^ (mixed >>> 16), 0x21f0_aaad);
  mixed = imul(mixed ^ (mixed >>> 15), 0x735a_2d97);
  return mixed ^ (mixed >>> 15);
}

function rotated(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
