/** ML-KEM-768 (FIPS 203) by @noble/post-quantum, in TypeScript: node:crypto has it from Node 24.7 only. */
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import type { KeyEncapsulation } from '../crypto-provider.js';

const publicKeyBytes = 1_184;
const ciphertextBytes = 1_088;
const seedBytes = 64;
const messageBytes = 32;

export const mlKem768: KeyEncapsulation = {
  generate(random) {
    const seed = random(seedBytes);
    const { publicKey, secretKey } = ml_kem768.keygen(seed);
    seed.fill(0);
    return { publicKey, secretKey };
  },
  encapsulate(publicKey, random) {
    if (publicKey.length !== publicKeyBytes) return undefined;
    const message = random(messageBytes);
    try {
      const { cipherText, sharedSecret } = ml_kem768.encapsulate(publicKey, message);
      return { ciphertext: cipherText, sharedSecret };
    } catch {
      // With lengths that fit, only a coefficient above the modulus is refused (FIPS 203, section 7.2).
      return undefined;
    } finally {
      message.fill(0);
    }
  },
  decapsulate(ciphertext, secretKey) {
    if (ciphertext.length !== ciphertextBytes) throw new RangeError('an ML-KEM-768 ciphertext has 1,088 bytes');
    return ml_kem768.decapsulate(ciphertext, secretKey);
  },
};
