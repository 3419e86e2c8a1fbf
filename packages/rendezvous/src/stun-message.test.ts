import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  decodeStun,
  decodeXorAddress,
  encodeStun,
  encodeXorAddress,
  formatIp,
  looksLikeStun,
  parseIp,
} from './stun-message.js';

const id = fc.uint8Array({ minLength: 12, maxLength: 12 });
const message = fc.record({
  type: fc.constantFrom(0x0001, 0x0101, 0x0111),
  transactionId: id,
  attributes: fc.array(fc.record({ type: fc.nat(0xffff), value: fc.uint8Array({ maxLength: 40 }) }), { maxLength: 6 }),
});

describe('STUN messages', () => {
  it('come back as they went', () => {
    fc.assert(
      fc.property(message, (value) => {
        expect(decodeStun(encodeStun(value))).toEqual(value);
      }),
    );
  });

  it('are refused when cut anywhere or with bytes behind', () => {
    fc.assert(
      fc.property(message, fc.uint8Array({ minLength: 1, maxLength: 8 }), (value, behind) => {
        const bytes = encodeStun(value);
        for (let length = 0; length < bytes.length; length += 1) {
          expect(decodeStun(bytes.subarray(0, length))).toBeUndefined();
        }
        expect(decodeStun(Uint8Array.of(...bytes, ...behind))).toBeUndefined();
      }),
    );
  });

  it('survive noise without a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decodeStun(bytes);
      }),
    );
  });

  it('survive lengths that lie', () => {
    fc.assert(
      fc.property(message, fc.nat(0xffff), (value, length) => {
        const bytes = encodeStun(value);
        bytes[22] = length >> 8;
        bytes[23] = length & 0xff;
        decodeStun(bytes);
      }),
    );
  });

  it('need the magic cookie', () => {
    const bytes = encodeStun({ type: 1, transactionId: new Uint8Array(12), attributes: [] });
    expect(decodeStun(bytes)).toBeDefined();
    bytes[4] = 0;
    expect(decodeStun(bytes)).toBeUndefined();
  });

  it('are told from other traffic by the first byte', () => {
    expect(looksLikeStun(Uint8Array.of(0))).toBe(true);
    expect(looksLikeStun(Uint8Array.of(3))).toBe(true);
    expect(looksLikeStun(Uint8Array.of(0x53))).toBe(false);
    expect(looksLikeStun(new Uint8Array())).toBe(false);
  });
});

describe('XOR-MAPPED-ADDRESS', () => {
  // RFC 5769, sections 2.2 and 2.3
  const transactionId = Uint8Array.from([0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae]);
  const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex');

  it('is what RFC 5769 shows for IPv4', () => {
    expect(hex(encodeXorAddress({ address: '192.0.2.1', port: 32853 }, transactionId))).toBe('0001a147e112a643');
  });

  it('is what RFC 5769 shows for IPv6', () => {
    const from = { address: '2001:db8:1234:5678:11:2233:4455:6677', port: 32853 };
    const value = encodeXorAddress(from, transactionId);
    expect(hex(value)).toBe('0002a1470113a9faa5d3f179bc25f4b5bed2b9d9');
    expect(decodeXorAddress(value!, transactionId)).toEqual(from);
  });

  it('comes back as it went', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(0xffff), id, (text, port, transaction) => {
        const address = formatIp(parseIp(text)!);
        const value = encodeXorAddress({ address, port }, transaction);
        expect(decodeXorAddress(value!, transaction)).toEqual({ address, port });
      }),
    );
  });

  it('is refused with another family or length', () => {
    expect(decodeXorAddress(Uint8Array.of(0, 3, 0, 0, 1, 2, 3, 4), transactionId)).toBeUndefined();
    expect(decodeXorAddress(Uint8Array.of(0, 1, 0, 0, 1, 2, 3), transactionId)).toBeUndefined();
    expect(decodeXorAddress(new Uint8Array(), transactionId)).toBeUndefined();
  });
});

describe('IP addresses', () => {
  it.each([
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['::ffff:1.2.3.4', '::ffff:102:304'],
    ['fe80::1%eth0', 'fe80::1'],
    ['10.0.0.255', '10.0.0.255'],
  ])('%s is read as %s', (text, canonical) => {
    expect(formatIp(parseIp(text)!)).toBe(canonical);
  });

  it.each([
    '',
    '1.2.3',
    '1.2.3.256',
    '1.2.3.4.5',
    ':',
    '1:2',
    '1:::2',
    '::1::',
    '12345::',
    'g::',
    '1:2:3:4:5:6:7:8:9',
    '1.2.3.4::',
  ])('%j is none', (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  it('in any spelling are the same bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (ip) => {
        expect(parseIp(formatIp(ip))).toEqual(ip);
      }),
    );
  });
});
