import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ByteReader, MalformedError, varintBytes } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';

function encoded(value: number): Uint8Array {
  return new ByteWriter(new Uint8Array(8)).varint(value).written();
}

describe('varints', () => {
  // RFC 9000, appendix A.1
  it.each([
    ['c2197c5eff14e88c', undefined],
    ['9d7f3e7d', 494_878_333],
    ['7bbd', 15_293],
    ['25', 37],
  ])('reads the example %s of RFC 9000', (hex, value) => {
    const reader = new ByteReader(new Uint8Array(Buffer.from(hex, 'hex')));
    if (value === undefined) {
      // 151,288,809,941,952,652 is beyond what a number holds exactly.
      expect(() => reader.varint()).toThrow(MalformedError);
    } else {
      expect(reader.varint()).toBe(value);
      expect(Buffer.from(encoded(value)).toString('hex')).toBe(hex);
    }
  });

  it.each([
    [0, 1],
    [63, 1],
    [64, 2],
    [16_383, 2],
    [16_384, 4],
    [2 ** 30 - 1, 4],
    [2 ** 30, 8],
    [2 ** 53 - 1, 8],
  ])('%i takes %i bytes', (value, size) => {
    expect(varintBytes(value)).toBe(size);
    expect(encoded(value).length).toBe(size);
    expect(new ByteReader(encoded(value)).varint()).toBe(value);
  });

  it('refuses a longer form than needed', () => {
    expect(() => new ByteReader(Uint8Array.of(0x40, 0x25)).varint()).toThrow(MalformedError);
  });

  it('refuses every truncation', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const bytes = encoded(value);
        expect(new ByteReader(bytes).varint()).toBe(value);
        for (let length = 0; length < bytes.length; length += 1) {
          expect(() => new ByteReader(bytes.subarray(0, length)).varint()).toThrow(MalformedError);
        }
      }),
    );
  });

  it('cannot be made of what is no such number', () => {
    for (const value of [-1, 0.5, 2 ** 53, NaN]) expect(() => encoded(value)).toThrow(RangeError);
  });
});

describe('ByteWriter', () => {
  it('never writes over its end', () => {
    const writer = new ByteWriter(new Uint8Array(3)).u8(1);
    expect(() => writer.bytes(Uint8Array.of(1, 2, 3))).toThrow(RangeError);
    expect(writer.bytes(Uint8Array.of(2, 3)).written()).toEqual(Uint8Array.of(1, 2, 3));
    expect(writer.room).toBe(0);
  });
});
