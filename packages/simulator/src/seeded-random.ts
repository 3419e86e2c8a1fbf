/** Pseudo-random numbers from a seed: xoshiro128** 1.1 (Blackman and Vigna), seeded by SplitMix32. Not for secrets. */
export class SeededRandom {
  readonly #state = new Uint32Array(4);

  constructor(seed: number) {
    let next = seed >>> 0;
    for (let i = 0; i < 4; i += 1) {
      next = (next + 0x9e37_79b9) >>> 0;
      let mixed = next;
      mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0_aaad);
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a_2d97);
      this.#state[i] = mixed ^ (mixed >>> 15);
    }
  }

  /** 0 to 2^32 - 1. */
  u32(): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.#state;
    const result = Math.imul(rotated(Math.imul(b, 5), 7), 9) >>> 0;
    const third = c ^ a;
    const fourth = d ^ b;
    this.#state[1] = b ^ third;
    this.#state[0] = a ^ fourth;
    this.#state[2] = third ^ (b << 9);
    this.#state[3] = rotated(fourth, 11);
    return result;
  }

  /** From 0 up to, not including, 1. */
  fraction(): number {
    return this.u32() / 2 ** 32;
  }

  /** An integer from 0 up to, not including, `limit`. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.u32() & 0xff);
  }
}

function rotated(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
