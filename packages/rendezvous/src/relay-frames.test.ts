import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  decodeRelayFrame,
  encodeRelayFrame,
  isRelayData,
  looksLikeRelay,
  relayChannelOf,
  relaySideOf,
  type RelayFrame,
  type RelaySide,
} from './relay-frames.js';

const cookie = Uint8Array.from({ length: 16 }, (_, i) => i);
const proof = cookie.map((byte) => 255 - byte);
const golden: [string, RelayFrame, string][] = [
  ['bind', { type: 'bind', side: 0, channel: 0x01020304 }, `600001020304${'00'.repeat(32)}`],
  [
    'challenge',
    { type: 'challenge', side: 1, channel: 0xffffffff, cookie },
    '6101ffffffff000102030405060708090a0b0c0d0e0f',
  ],
  [
    'prove',
    { type: 'prove', side: 0, channel: 1, cookie, proof },
    '620000000001000102030405060708090a0b0c0d0e0ffffefdfcfbfaf9f8f7f6f5f4f3f2f1f0',
  ],
  ['bound', { type: 'bound', side: 1, channel: 0 }, '630100000000'],
  ['data', { type: 'data', side: 1, channel: 256, payload: Uint8Array.of(9, 8) }, '6401000001000908'],
];

describe('relay frames', () => {
  it.each(golden)('%s: to these bytes and back', (_name, frame, hex) => {
    const bytes = encodeRelayFrame(frame);
    expect(Buffer.from(bytes).toString('hex')).toBe(hex);
    expect(decodeRelayFrame(bytes)).toEqual(frame);
    expect(looksLikeRelay(bytes)).toBe(true);
  });

  it.each(golden.filter(([name]) => name !== 'data'))('%s: not a byte more or less', (_name, frame) => {
    const bytes = encodeRelayFrame(frame);
    expect(decodeRelayFrame(bytes.subarray(0, -1))).toBeUndefined();
    expect(decodeRelayFrame(Uint8Array.of(...bytes, 0))).toBeUndefined();
  });

  it('carries up to 1,500 bytes', () => {
    const frame = { type: 'data', side: 0, channel: 1, payload: new Uint8Array(1_500) } as const;
    expect(decodeRelayFrame(encodeRelayFrame(frame))).toEqual(frame);
    expect(decodeRelayFrame(encodeRelayFrame({ ...frame, payload: new Uint8Array(1_501) }))).toBeUndefined();
  });

  it('come back as they were, in the midst of other bytes too, and noise throws nothing', () => {
    const channel = fc.integer({ min: 0, max: 0xff_ff_ff_ff });
    const side = fc.constantFrom<RelaySide>(0, 1);
    const payload = fc.uint8Array({ minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(side, channel, payload, fc.uint8Array({ maxLength: 60 }), (one, number, bytes, noise) => {
        const frame = { type: 'data', side: one, channel: number, payload: bytes } as const;
        const encoded = encodeRelayFrame(frame);
        const inside = Uint8Array.of(7, ...encoded).subarray(1);
        expect(decodeRelayFrame(inside)).toEqual(frame);
        expect([isRelayData(inside), relaySideOf(inside), relayChannelOf(inside)]).toEqual([true, one, number]);
        const decoded = decodeRelayFrame(noise);
        if (decoded?.type === 'data' || decoded?.type === 'prove') expect(encodeRelayFrame(decoded)).toEqual(noise);
      }),
    );
  });

  it('knows two sides, and carries no empty payload', () => {
    expect(decodeRelayFrame(Uint8Array.of(0x63, 2, 0, 0, 0, 0))).toBeUndefined();
    expect(decodeRelayFrame(Uint8Array.of(0x64, 1, 0, 0, 0, 0))).toBeUndefined();
    expect(decodeRelayFrame(new Uint8Array(0))).toBeUndefined();
    expect([0, 3, 0x50, 0x54, 0x5f, 0x65].map((first) => looksLikeRelay(Uint8Array.of(first)))).not.toContain(true);
  });
});
