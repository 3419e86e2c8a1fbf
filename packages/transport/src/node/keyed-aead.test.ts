import { describe, expect, it } from '@jest/globals';
import { KeyedAead, type AeadCipher } from './keyed-aead.js';

describe('an AEAD', () => {
  it('overwrites its copy of the key when it is erased, and leaves the key that it was given', () => {
    const seen: Uint8Array[] = [];
    const cipher: AeadCipher = {
      seal: (key) => {
        seen.push(key);
      },
      open: () => undefined,
    };
    const given = new Uint8Array(32).fill(7);
    const aead = new KeyedAead(cipher, given);
    aead.sealPacket(1, new Uint8Array(40), 16);
    expect(seen).toEqual([given]);
    aead.erase();
    expect(seen).toEqual([new Uint8Array(32)]);
    expect(given).toEqual(new Uint8Array(32).fill(7));
  });
});
