import { createDecipheriv, hkdfSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { limits } from '@parley/protocol';
import { generateKeyPair, nodeCrypto } from '@parley/transport/node';
import fc from 'fast-check';
import { offerMaxBytes, SealedOffers, type SealedOffersOptions } from './sealed-offer.js';

const alice = generateKeyPair();
const bob = generateKeyPair();
const mallory = generateKeyPair();
const introduction = '00112233445566778899aabbccddeeff';
const other = 'ffeeddccbbaa99887766554433221100';
const offer = new TextEncoder().encode('192.0.2.10 port 7421');

function sealer(options: Partial<SealedOffersOptions> = {}): SealedOffers {
  const sealed = SealedOffers.between({
    privateKey: alice.privateKey,
    peerKey: bob.publicKey,
    introduction,
    role: 'initiator',
    ...options,
  });
  if (!sealed) throw new Error('the keys share nothing');
  return sealed;
}

function opener(options: Partial<SealedOffersOptions> = {}): SealedOffers {
  return sealer({ privateKey: bob.privateKey, peerKey: alice.publicKey, role: 'responder', ...options });
}

describe('sealed offers', () => {
  it('carries any offers both ways, newest last', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.uint8Array({ maxLength: 200 })), { maxLength: 20 }), (offers) => {
        const sides = [sealer(), opener()] as const;
        for (const [fromAlice, bytes] of offers) {
          const [from, to] = fromAlice ? sides : [sides[1], sides[0]];
          expect(to.open(from.seal(bytes))).toEqual(bytes);
        }
      }),
      { numRuns: 25 },
    );
  });

  it('is what its format says, and hides the offer', () => {
    const salt = new Uint8Array(16).fill(7);
    const sealed = sealer({ random: () => salt }).seal(offer);
    expect(sealed).toHaveLength(16 + 4 + offer.length + 16);
    expect(sealed.subarray(0, 20)).toEqual(new Uint8Array([...salt, 0, 0, 0, 1]));
    expect(Buffer.from(sealed).includes(Buffer.from(offer))).toBe(false);

    const secret = nodeCrypto.keyAgreement(bob.privateKey).shared(alice.publicKey)!;
    const hkdfSalt = Buffer.concat([Buffer.from(introduction, 'hex'), salt]);
    const key = new Uint8Array(hkdfSync('sha256', secret, hkdfSalt, 'parley path offer initiator', 32));
    const nonce = Buffer.from('000000000100000000000000', 'hex');
    const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
    decipher.setAAD(sealed.subarray(0, 20), { plaintextLength: offer.length });
    decipher.setAuthTag(sealed.subarray(-16));
    expect(new Uint8Array(decipher.update(sealed.subarray(20, -16)))).toEqual(offer);
    decipher.final();
  });

  it('refuses an offer of which any bit is flipped, and then takes the real one', () => {
    const sealed = sealer().seal(offer);
    const to = opener();
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const flipped = Uint8Array.from(sealed);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(to.open(flipped)).toBeUndefined();
    }
    expect(to.open(sealed)).toEqual(offer);
  });

  it('refuses every truncation, trailing bytes and noise', () => {
    const sealed = sealer().seal(offer);
    const to = opener();
    for (let length = 0; length < sealed.length; length += 1) {
      expect(to.open(sealed.subarray(0, length))).toBeUndefined();
    }
    expect(to.open(new Uint8Array([...sealed, 0]))).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        expect(to.open(noise)).toBeUndefined();
      }),
    );
  });

  it('refuses a second time what it has opened, and what is older', () => {
    const from = sealer();
    const to = opener();
    const [first, second, third] = [from.seal(offer), from.seal(offer), from.seal(offer)];
    expect(to.open(second)).toEqual(offer);
    expect(to.open(second)).toBeUndefined();
    expect(to.open(first)).toBeUndefined();
    expect(to.open(third)).toEqual(offer);
  });

  it('refuses what was sealed for another introduction', () => {
    expect(opener().open(sealer({ introduction: other }).seal(offer))).toBeUndefined();
    expect(opener({ introduction: other }).open(sealer().seal(offer))).toBeUndefined();
  });

  it('refuses its own offers sent back, and those of the wrong role', () => {
    const from = sealer();
    expect(from.open(from.seal(offer))).toBeUndefined();
    expect(opener().open(sealer({ role: 'responder' }).seal(offer))).toBeUndefined();
  });

  it('is readable by the two devices alone', () => {
    const sealed = sealer().seal(offer);
    expect(opener({ privateKey: mallory.privateKey }).open(sealed)).toBeUndefined();
    expect(opener().open(sealer({ privateKey: mallory.privateKey }).seal(offer))).toBeUndefined();
  });

  it('never seals alike, though an introduction comes twice; and does not mix the two', () => {
    const [once, again] = [sealer(), sealer()];
    const [first, second] = [once.seal(offer), again.seal(offer)];
    expect(first.subarray(20)).not.toEqual(second.subarray(20));
    const to = opener();
    expect(to.open(first)).toEqual(offer);
    expect(to.open(again.seal(offer))).toBeUndefined();
    expect(to.open(once.seal(offer))).toEqual(offer);
  });

  it('takes an offer up to what control carries, and no longer one', () => {
    const longest = new Uint8Array(offerMaxBytes).fill(1);
    const sealed = sealer().seal(longest);
    expect(Buffer.from(sealed).toString('base64')).toHaveLength(limits.offerCharacters);
    expect(opener().open(sealed)).toEqual(longest);
    expect(() => sealer().seal(new Uint8Array(offerMaxBytes + 1))).toThrow(RangeError);
    expect(opener().open(new Uint8Array(sealed.length + 1))).toBeUndefined();
  });

  it('shares nothing with a key of small order', () => {
    const options = { privateKey: alice.privateKey, introduction, role: 'initiator' } as const;
    expect(SealedOffers.between({ ...options, peerKey: new Uint8Array(32) })).toBeUndefined();
  });
});
