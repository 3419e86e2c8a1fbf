import { createRequire } from 'node:module';
import { describe, expect, it } from '@jest/globals';
import { bestCrypto } from './best-crypto.js';
import { nodeCrypto } from './node-crypto.js';
import { providerOver, sodiumCrypto, type Sodium } from './sodium-crypto.js';

/** Does everything wrong that a binary could do without an error. */
const useless: Sodium = {
  crypto_aead_chacha20poly1305_ietf_encrypt: () => 0,
  crypto_aead_chacha20poly1305_ietf_decrypt: () => 0,
  crypto_scalarmult: () => undefined,
  crypto_scalarmult_base: () => undefined,
};

describe('choosing a provider', () => {
  it('makes none where sodium-native is not installed', () => {
    const load = () => createRequire(import.meta.url)('sodium-native-that-nobody-has') as Sodium;
    expect(providerOver(load)).toBeUndefined();
  });

  it('makes none over a binary that lacks functions or gives other bytes', () => {
    expect(providerOver(() => ({}) as Sodium)).toBeUndefined();
    expect(providerOver(() => useless)).toBeUndefined();
  });

  it('takes the best once, and then always the same', () => {
    expect(bestCrypto()).toBe(sodiumCrypto() ?? nodeCrypto);
    expect(bestCrypto()).toBe(bestCrypto());
  });
});
