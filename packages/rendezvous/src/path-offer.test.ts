import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Candidate } from './candidates.js';
import { decodeOffer, encodeOffer, offerCandidates, type PathOffer } from './path-offer.js';
import { formatIp } from './stun-message.js';

const ip = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map(formatIp),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map(formatIp),
);
const candidate: fc.Arbitrary<Candidate> = fc.record({
  kind: fc.constantFrom('host', 'mapped', 'reflexive'),
  address: ip,
  port: fc.integer({ min: 1, max: 65_535 }),
});
const offers: fc.Arbitrary<PathOffer> = fc.record({
  revision: fc.nat({ max: 0xff_ff_ff_ff }),
  mapping: fc.constantFrom(undefined, 'none', 'endpoint-independent', 'endpoint-dependent'),
  filtering: fc.constantFrom(undefined, 'not-by-port', 'address-and-port-dependent'),
  isUdpBlocked: fc.boolean(),
  spareSockets: fc.nat({ max: 65_535 }),
  candidates: fc.array(candidate, { maxLength: offerCandidates }),
});

const example: PathOffer = {
  revision: 7,
  mapping: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  isUdpBlocked: false,
  spareSockets: 256,
  candidates: [
    { kind: 'host', address: '192.168.1.5', port: 9 },
    { kind: 'reflexive', address: '2001:db8::1', port: 40_000 },
  ],
};

describe('an offer', () => {
  it('has the bytes that the head of the file says', () => {
    expect(Buffer.from(encodeOffer(example)).toString('hex')).toBe(
      '01' +
        '00000007' +
        '02' +
        '02' +
        '00' +
        '0100' +
        '02' +
        '0104c0a801050009' +
        '030620010db8000000000000000000000001' +
        '9c40',
    );
  });

  it('comes back as it was', () => {
    fc.assert(
      fc.property(offers, (offer) => {
        expect(decodeOffer(encodeOffer(offer))).toEqual(offer);
      }),
    );
  });

  it('is refused when it is cut short or has something behind it', () => {
    fc.assert(
      fc.property(offers, (offer) => {
        const bytes = encodeOffer(offer);
        for (let length = 0; length < bytes.length; length += 1) {
          expect(decodeOffer(bytes.subarray(0, length))).toBeUndefined();
        }
        expect(decodeOffer(Uint8Array.of(...bytes, 0))).toBeUndefined();
      }),
      { numRuns: 20 },
    );
  });

  it('has one form: what is read is written the same', () => {
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      // Offers with a few bytes changed come much further.
      fc.tuple(offers, fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 })).map(([offer, changes]) => {
        const bytes = encodeOffer(offer);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        return bytes;
      }),
    );
    fc.assert(
      fc.property(noise, (bytes) => {
        const offer = decodeOffer(bytes);
        if (offer) expect(encodeOffer(offer)).toEqual(bytes);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['another version', 0, 2],
    ['a mapping nobody knows', 5, 4],
    ['a filtering nobody knows', 6, 3],
    ['a flag nobody knows', 7, 2],
    ['more candidates than there are', 10, 3],
    ['too many candidates', 10, 33],
    ['a kind nobody knows', 11, 4],
    ['no kind', 11, 0],
    ['a family nobody knows', 12, 5],
  ])('is refused with %s', (_, at, value) => {
    const bytes = encodeOffer(example);
    bytes[at] = value;
    expect(decodeOffer(bytes)).toBeUndefined();
  });

  it('is refused with port 0', () => {
    const bytes = encodeOffer(example);
    bytes[18] = 0;
    expect(bytes[17]).toBe(0);
    expect(decodeOffer(bytes)).toBeUndefined();
  });

  it('of our own that cannot be written is our own fault', () => {
    const many = Array.from({ length: 33 }, () => example.candidates[0] as Candidate);
    expect(() => encodeOffer({ ...example, candidates: many })).toThrow(RangeError);
    const virtual: Candidate = { kind: 'host', address: 'relay', port: 1 };
    expect(() => encodeOffer({ ...example, candidates: [virtual] })).toThrow(RangeError);
  });
});
