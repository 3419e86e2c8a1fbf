import { describe, expect, it } from '@jest/globals';
import { nodeCrypto } from '../node/node-crypto.js';
import { nodeHash } from '../node/node-hash.js';
import { wycheproofVectors } from '../node/testing/wycheproof.js';
import { hkdf } from './hkdf.js';

interface HkdfVector {
  readonly tcId: number;
  readonly ikm: string;
  readonly salt: string;
  readonly info: string;
  readonly size: number;
  readonly okm: string;
  readonly result: 'valid' | 'invalid';
}

const hex = (...parts: Uint8Array[]): string => Buffer.concat(parts).toString('hex');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

describe('HKDF', () => {
  const vectors = wycheproofVectors('hkdf_sha256') as readonly HkdfVector[] | undefined;
  const itWithVectors = vectors ? it : it.skip;

  itWithVectors('agrees, over SHA-256, with the vectors of Wycheproof that have no info and fit three outputs', () => {
    const sha256 = nodeHash('SHA256', 'sha256', 32);
    const fitting = (vectors ?? []).filter((vector) => vector.info === '' && vector.size <= 96);
    expect(fitting.length).toBeGreaterThan(25);
    for (const vector of fitting) {
      const output = hex(...hkdf(sha256, bytes(vector.salt), bytes(vector.ikm), 3));
      expect([vector.tcId, output.slice(0, vector.size * 2)]).toEqual([vector.tcId, vector.okm]);
    }
  });

  it('gives the same first two outputs when a third is wanted', () => {
    const [salt, material] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const [first, second] = hkdf(nodeCrypto.blake2s, salt, material);
    const three = hkdf(nodeCrypto.blake2s, salt, material, 3);
    expect(three.slice(0, 2)).toEqual([first, second]);
    expect(hex(three[2])).not.toBe(hex(second));
  });
});
