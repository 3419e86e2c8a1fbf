import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { RandomSource } from '../crypto-provider.js';
import { mlKem768 } from './ml-kem.js';

/** A source that gives one stream of bytes: SHAKE-128 of nothing. */
function shakeStream(length: number): RandomSource {
  const stream = createHash('shake128', { outputLength: length }).digest();
  let at = 0;
  return (count) => {
    at += count;
    return new Uint8Array(stream.subarray(at - count, at));
  };
}

describe('ML-KEM-768', () => {
  it('agrees with a hundred known answers, valid and implicitly rejected', () => {
    // The accumulated test vectors of C2SP/CCTV, as in Go's crypto/mlkem: a hash of all outputs for one stream of seeds.
    const rounds = 100;
    const random = shakeStream(rounds * (64 + 32 + 1_088));
    const outputs = createHash('shake128', { outputLength: 32 });
    for (let round = 0; round < rounds; round += 1) {
      const { publicKey, secretKey } = mlKem768.generate(random);
      const { ciphertext, sharedSecret } = mlKem768.encapsulate(publicKey, random)!;
      expect(mlKem768.decapsulate(ciphertext, secretKey)).toEqual(sharedSecret);
      const rejected = mlKem768.decapsulate(random(1_088), secretKey);
      outputs.update(publicKey).update(ciphertext).update(sharedSecret).update(rejected);
    }
    expect(outputs.digest('hex')).toBe('1114b1b6699ed191734fa339376afa7e285c9e6acf6ff0177d346696ce564415');
  });

  const random = shakeStream(4_096);
  const { publicKey, secretKey } = mlKem768.generate(random);

  it('has the lengths of FIPS 203', () => {
    const { ciphertext, sharedSecret } = mlKem768.encapsulate(publicKey, random)!;
    expect([publicKey.length, ciphertext.length, sharedSecret.length]).toEqual([1_184, 1_088, 32]);
  });

  it('gives another secret, and no error, for a ciphertext that was changed', () => {
    const { ciphertext, sharedSecret } = mlKem768.encapsulate(publicKey, random)!;
    const secrets = new Set([hex(sharedSecret)]);
    for (const at of [0, 500, 1_087]) {
      const changed = ciphertext.slice();
      changed[at]! ^= 1;
      const secret = mlKem768.decapsulate(changed, secretKey);
      expect(secret.length).toBe(32);
      expect(mlKem768.decapsulate(changed, secretKey)).toEqual(secret);
      secrets.add(hex(secret));
    }
    expect(secrets.size).toBe(4);
  });

  it.each([0, 1_183, 1_185, 1_088])('takes nothing of %i bytes for a public key', (length) => {
    expect(mlKem768.encapsulate(new Uint8Array(length), random)).toBeUndefined();
  });

  it('takes nothing for a public key that has a coefficient above the modulus', () => {
    const forged = publicKey.slice();
    // The first coefficient, 12 bits: 3,329, which is the modulus itself.
    forged[0] = 0x01;
    forged[1] = (forged[1]! & 0xf0) | 0x0d;
    expect(mlKem768.encapsulate(forged, random)).toBeUndefined();
    forged[0] = 0x00;
    expect(mlKem768.encapsulate(forged, random)).toBeDefined();
  });

  it.each([0, 1_087, 1_089])('refuses a ciphertext of %i bytes', (length) => {
    expect(() => mlKem768.decapsulate(new Uint8Array(length), secretKey)).toThrow(RangeError);
  });

  it('overwrites the random bytes it was given', () => {
    const given: Uint8Array[] = [];
    const keeping: RandomSource = (length) => {
      given.push(new Uint8Array(length).fill(5));
      return given.at(-1)!;
    };
    mlKem768.encapsulate(mlKem768.generate(keeping).publicKey, keeping);
    expect(given).toEqual([new Uint8Array(64), new Uint8Array(32)]);
  });
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
