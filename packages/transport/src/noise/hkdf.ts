import type { HashFunction } from '../crypto-provider.js';

const one = Uint8Array.of(1);
const two = Uint8Array.of(2);
const three = Uint8Array.of(3);

/**
 * HKDF as Noise has it (revision 34, section 4.3): that of RFC 5869 with `chainingKey` as its salt, no info, and an
 * output of two or three times the length of the hash, in pieces of that length.
 */
export function hkdf(hash: HashFunction, chainingKey: Uint8Array, material: Uint8Array): [Uint8Array, Uint8Array];
export function hkdf(
  hash: HashFunction,
  chainingKey: Uint8Array,
  material: Uint8Array,
  outputs: 3,
): [Uint8Array, Uint8Array, Uint8Array];
export function hkdf(
  hash: HashFunction,
  chainingKey: Uint8Array,
  material: Uint8Array,
  outputs: 2 | 3 = 2,
): Uint8Array[] {
  const secret = hash.hmac(chainingKey, material);
  const first = hash.hmac(secret, one);
  const second = hash.hmac(secret, first, two);
  return outputs === 2 ? [first, second] : [first, second, hash.hmac(secret, second, three)];
}
