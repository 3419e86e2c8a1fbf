/** What every provider must do, held against each of them and against each other. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { counterNonce, tagBytes, type CryptoProvider } from '../crypto-provider.js';
import { nodeCrypto } from './node-crypto.js';
import { opensslFromBytes, sodiumCrypto } from './sodium-crypto.js';
import { wycheproofVectors } from './testing/wycheproof.js';

interface DiffieHellmanVector {
  readonly tcId: number;
  readonly comment: string;
  readonly public: string;
  readonly private: string;
  readonly shared: string;
}

interface AeadVector {
  readonly tcId: number;
  readonly comment: string;
  readonly key: string;
  readonly iv: string;
  readonly aad: string;
  readonly msg: string;
  readonly ct: string;
  readonly tag: string;
  readonly result: 'valid' | 'invalid';
}

const sodium = sodiumCrypto();
if (!sodium) console.warn('skipped: sodium-native is not installed, or does not work here');
const providers: CryptoProvider[] = sodium ? [nodeCrypto, sodium] : [nodeCrypto];

const diffieHellman = wycheproofVectors('x25519') as readonly DiffieHellmanVector[] | undefined;
const itWithX25519 = diffieHellman ? it : it.skip;
const aeadVectors = wycheproofVectors('chacha20_poly1305') as readonly AeadVector[] | undefined;
const itWithAead = aeadVectors ? it : it.skip;

const headerBytes = 16;

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

function ofLength(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: length, maxLength: length });
}

/** Not random, but different for every length and place. */
function filled(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + length * 7) & 0xff);
}

/** header · plaintext · room for the tag. */
function unsealed(bodyBytes: number): Uint8Array {
  const packet = filled(headerBytes + bodyBytes + tagBytes);
  packet.fill(0, headerBytes + bodyBytes);
  return packet;
}

function sealedPacket(crypto: CryptoProvider, key: Uint8Array, counter: number, bodyBytes: number): Uint8Array {
  const packet = unsealed(bodyBytes);
  crypto.aead(key).sealPacket(counter, packet, headerBytes);
  return packet;
}

describe.each(providers.map((crypto) => [crypto.name, crypto] as const))('%s', (_, crypto) => {
  itWithX25519('agrees with every X25519 vector of Wycheproof, and refuses keys of small order', () => {
    let refused = 0;
    for (const vector of diffieHellman ?? []) {
      const shared = crypto.keyAgreement(bytes(vector.private)).shared(bytes(vector.public));
      const isZero = /^0*$/.test(vector.shared);
      if (isZero) refused += 1;
      expect([vector.tcId, shared]).toEqual([vector.tcId, isZero ? undefined : bytes(vector.shared)]);
    }
    expect(refused).toBeGreaterThan(20);
  });

  itWithAead('agrees with every ChaCha20-Poly1305 vector of Wycheproof', () => {
    let refused = 0;
    for (const vector of aeadVectors ?? []) {
      const aead = crypto.aead(bytes(vector.key));
      const [nonce, associatedData, plaintext] = [bytes(vector.iv), bytes(vector.aad), bytes(vector.msg)];
      const sealed = bytes(vector.ct + vector.tag);
      if (nonce.length !== 12) {
        expect(() => aead.seal(nonce, associatedData, plaintext)).toThrow(RangeError);
        expect(() => aead.open(nonce, associatedData, sealed)).toThrow(RangeError);
      } else if (vector.result === 'invalid') {
        refused += 1;
        expect([vector.tcId, aead.open(nonce, associatedData, sealed)]).toEqual([vector.tcId, undefined]);
      } else {
        expect([vector.tcId, aead.seal(nonce, associatedData, plaintext)]).toEqual([vector.tcId, sealed]);
        expect([vector.tcId, aead.open(nonce, associatedData, sealed)]).toEqual([vector.tcId, plaintext]);
      }
    }
    expect(refused).toBeGreaterThan(50);
  });

  it('seals a packet in place to what `seal` gives, and opens it without changing it', () => {
    fc.assert(
      fc.property(ofLength(32), fc.maxSafeNat(), fc.nat(1_500), (key, counter, bodyBytes) => {
        const aead = crypto.aead(key);
        const packet = unsealed(bodyBytes);
        const header = packet.slice(0, headerBytes);
        const plaintext = packet.slice(headerBytes, headerBytes + bodyBytes);
        const expected = nodeCrypto.aead(key).seal(counterNonce(counter), header, plaintext);

        aead.sealPacket(counter, packet, headerBytes);
        expect(packet.subarray(0, headerBytes)).toEqual(header);
        expect(packet.subarray(headerBytes)).toEqual(expected);

        const before = packet.slice();
        expect(new Uint8Array(aead.openPacket(counter, packet, headerBytes)!)).toEqual(plaintext);
        expect(packet).toEqual(before);
      }),
    );
  });

  it('works on packets that lie anywhere in a larger buffer', () => {
    const key = filled(32);
    const expected = sealedPacket(nodeCrypto, key, 5, 100);
    const buffer = new Uint8Array(400).fill(0xee);
    const packet = buffer.subarray(33, 33 + expected.length);
    packet.set(unsealed(100));
    crypto.aead(key).sealPacket(5, packet, headerBytes);
    expect(packet).toEqual(expected);
    expect(buffer.subarray(0, 33)).toEqual(new Uint8Array(33).fill(0xee));
    expect(buffer.subarray(33 + expected.length)).toEqual(new Uint8Array(400 - 33 - expected.length).fill(0xee));
  });

  it.each([40, opensslFromBytes + 10])(
    'refuses a packet of %i bytes with any one bit flipped, and keeps it as it came',
    (bodyBytes) => {
      const key = filled(32);
      const packet = sealedPacket(crypto, key, 7, bodyBytes);
      const aead = crypto.aead(key);
      // Every bit of a small one; of a large one those of the header, the first bytes and the tag.
      for (let at = 0; at < packet.length; at += at === 64 ? Math.max(1, packet.length - 64 - 3 * tagBytes) : 1) {
        for (let bit = 1; bit < 0x100; bit <<= 1) {
          packet[at]! ^= bit;
          const before = at === 0 ? packet.slice() : undefined;
          expect(aead.openPacket(7, packet, headerBytes)).toBeUndefined();
          if (before) expect(packet).toEqual(before);
          packet[at]! ^= bit;
        }
      }
      expect(aead.openPacket(8, packet, headerBytes)).toBeUndefined();
      expect(crypto.aead(filled(33).subarray(1)).openPacket(7, packet, headerBytes)).toBeUndefined();
      expect(aead.openPacket(7, packet, headerBytes)).toBeDefined();
    },
  );

  it('refuses every truncation of a packet, down to nothing', () => {
    const key = filled(32);
    const packet = sealedPacket(crypto, key, 7, 30);
    const aead = crypto.aead(key);
    for (let length = 0; length < packet.length; length += 1) {
      expect(aead.openPacket(7, packet.subarray(0, length), headerBytes)).toBeUndefined();
      expect(aead.open(counterNonce(7), new Uint8Array(0), packet.subarray(0, length))).toBeUndefined();
    }
  });

  it('neither seals nor opens a packet of impossible length', () => {
    const aead = crypto.aead(filled(32));
    expect(() => {
      aead.sealPacket(1, new Uint8Array(headerBytes + tagBytes - 1), headerBytes);
    }).toThrow(RangeError);
    expect(() => {
      aead.sealPacket(1, new Uint8Array(65_536), headerBytes);
    }).toThrow(RangeError);
    expect(aead.openPacket(1, new Uint8Array(65_536), headerBytes)).toBeUndefined();
  });

  it('hands out what `open` and `seal` return for good', () => {
    const aead = crypto.aead(filled(32));
    const empty = new Uint8Array(0);
    const first = aead.open(counterNonce(1), empty, aead.seal(counterNonce(1), empty, filled(20)));
    aead.open(counterNonce(2), empty, aead.seal(counterNonce(2), empty, filled(21)));
    expect(first).toEqual(filled(20));
  });

  it('keeps a key of its own, and does nothing once it is erased', () => {
    const key = filled(32);
    const aead = crypto.aead(key);
    key.fill(0);
    const packet = unsealed(10);
    aead.sealPacket(1, packet, headerBytes);
    expect(packet).toEqual(sealedPacket(nodeCrypto, filled(32), 1, 10));

    aead.erase();
    const gone = 'the key was erased';
    const empty = new Uint8Array(0);
    expect(() => {
      aead.sealPacket(2, packet, headerBytes);
    }).toThrow(gone);
    expect(() => aead.openPacket(1, packet, headerBytes)).toThrow(gone);
    expect(() => aead.seal(counterNonce(3), empty, empty)).toThrow(gone);
    expect(() => aead.open(counterNonce(1), empty, packet)).toThrow(gone);
    aead.erase();
  });

  it('agrees on a secret from both sides until the private key is erased', () => {
    fc.assert(
      fc.property(ofLength(32), ofLength(32), (ours, theirs) => {
        const [a, b] = [crypto.keyAgreement(ours), nodeCrypto.keyAgreement(theirs)];
        expect(a.publicKey).toEqual(nodeCrypto.keyAgreement(ours).publicKey);
        expect(a.shared(b.publicKey)).toEqual(b.shared(a.publicKey));
        a.erase();
        expect(() => a.shared(b.publicKey)).toThrow('the key was erased');
      }),
      { numRuns: 50 },
    );
  });

  it.each([0, 31, 33])('takes no keys of %i bytes', (length) => {
    const wrong = new Uint8Array(length).fill(9);
    expect(() => crypto.aead(wrong)).toThrow(RangeError);
    expect(() => crypto.keyAgreement(wrong)).toThrow(RangeError);
    expect(() => crypto.keyAgreement(filled(32)).shared(wrong)).toThrow(RangeError);
  });

  it('compares', () => {
    expect(crypto.equal(filled(40), filled(40))).toBe(true);
    expect(crypto.equal(filled(40), filled(41))).toBe(false);
    const other = filled(40);
    other[39]! ^= 1;
    expect(crypto.equal(filled(40), other)).toBe(false);
  });
});

describe('node and sodium', () => {
  const itWithSodium = sodium ? it : it.skip;

  itWithSodium('give the same bytes for every length, and open what the other sealed', () => {
    const large = [4_096, opensslFromBytes - 1, opensslFromBytes, opensslFromBytes + 1, 16_384, 65_535 - 32];
    const key = filled(32);
    const lengths = [...Array.from({ length: 2_001 }, (_, length) => length), ...large];
    for (const length of lengths) {
      const counter = length * 2 ** 30;
      const byNode = sealedPacket(nodeCrypto, key, counter, length);
      const bySodium = sealedPacket(sodium!, key, counter, length);
      // Buffer.compare, as toEqual on two thousand arrays takes seconds.
      expect([length, Buffer.compare(byNode, bySodium)]).toEqual([length, 0]);
      const plaintext = unsealed(length).subarray(headerBytes, headerBytes + length);
      for (const [crypto, packet] of [
        [nodeCrypto, bySodium],
        [sodium!, byNode],
      ] as const) {
        const opened = crypto.aead(key).openPacket(counter, packet, headerBytes);
        expect([crypto.name, length, opened && Buffer.compare(opened, plaintext)]).toEqual([crypto.name, length, 0]);
      }
    }
  });

  itWithSodium('give the same bytes for random keys, nonces, associated data and plaintexts', () => {
    const data = fc.uint8Array({ maxLength: 2_000 });
    fc.assert(
      fc.property(ofLength(32), ofLength(12), data, data, (key, nonce, associatedData, plaintext) => {
        const sealed = sodium!.aead(key).seal(nonce, associatedData, plaintext);
        expect(sealed).toEqual(nodeCrypto.aead(key).seal(nonce, associatedData, plaintext));
        expect(sodium!.aead(key).open(nonce, associatedData, sealed)).toEqual(plaintext);
        expect(nodeCrypto.aead(key).open(nonce, associatedData, sealed)).toEqual(plaintext);
      }),
    );
  });

  itWithSodium('agree on the secret of any two keys, random public keys among them', () => {
    fc.assert(
      fc.property(ofLength(32), ofLength(32), (privateKey, publicKey) => {
        expect(sodium!.keyAgreement(privateKey).shared(publicKey)).toEqual(
          nodeCrypto.keyAgreement(privateKey).shared(publicKey),
        );
      }),
      { numRuns: 200 },
    );
  });
});
