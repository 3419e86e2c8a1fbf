import { createHash, createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nodeHash } from './node-hash.js';

const empty = new Uint8Array(0);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe.each([
  ['BLAKE2s', 'blake2s256', 32],
  ['BLAKE2b', 'blake2b512', 64],
  ['SHA256', 'sha256', 32],
  ['SHA512', 'sha512', 64],
] as const)('%s', (name, algorithm, length) => {
  const hash = nodeHash(name, algorithm, length);
  // Up to what is hashed at once, around it, and beyond it.
  const data = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ minLength: 1_900, maxLength: 2_200 }));

  it('is that of node:crypto, in any number of parts', () => {
    fc.assert(
      fc.property(fc.array(data, { maxLength: 4 }), (parts) => {
        const expected = createHash(algorithm).update(Buffer.concat(parts)).digest('hex');
        expect(hex(hash.hash(...parts))).toBe(expected);
      }),
    );
  });

  it('has the HMAC of node:crypto, under keys of any length', () => {
    fc.assert(
      fc.property(data, fc.array(data, { maxLength: 4 }), (key, parts) => {
        const expected = createHmac(algorithm, key).update(Buffer.concat(parts)).digest('hex');
        expect(hex(hash.hmac(key, ...parts))).toBe(expected);
      }),
    );
  });

  it('gives arrays that later calls do not touch', () => {
    const first = hash.hash(empty);
    const before = hex(first);
    hash.hmac(first, first);
    expect(hex(first)).toBe(before);
    expect(first.length).toBe(length);
  });
});

describe('BLAKE2s', () => {
  it('gives the example of RFC 7693, appendix B', () => {
    const hash = nodeHash('BLAKE2s', 'blake2s256', 32);
    expect(hex(hash.hash(new TextEncoder().encode('abc')))).toBe(
      '508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982',
    );
  });
});
