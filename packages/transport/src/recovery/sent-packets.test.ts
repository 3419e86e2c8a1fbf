import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { SentPacket } from './sent-packet.js';
import { SentPackets } from './sent-packets.js';

function packet(number: number, bytes = 100): SentPacket {
  return {
    number,
    sentAt: number,
    bytes,
    contents: [],
    acknowledgedUpTo: -1,
    isMtuProbe: false,
    delivery: {
      deliveredBytes: 0,
      deliveredAt: 0,
      firstSentAt: 0,
      isAppLimited: false,
      inFlightBytes: 0,
      lostBytes: 0,
    },
  };
}

function numbersIn(packets: SentPackets): number[] {
  const numbers: number[] = [];
  for (let place = packets.start; place < packets.end; place += 1) {
    const found = packets.at(place);
    if (found) numbers.push(found.number);
  }
  return numbers;
}

describe('SentPackets', () => {
  it('finds the place of a number, also of one that is gone or never was', () => {
    const packets = new SentPackets();
    for (const number of [3, 5, 2 ** 40]) packets.push(packet(number));
    packets.removeAt(1);
    expect([0, 3, 4, 5, 6, 2 ** 40].map((number) => packets.placeOf(number, 0))).toEqual([0, 0, 1, 1, 2, 2]);
    expect(packets.placeOf(2 ** 40 + 1, 0)).toBe(packets.end);
    expect(packets.placeOf(3, 2)).toBe(2);
    expect([packets.reaches(1, 5), packets.reaches(1, 4), packets.reaches(3, 2 ** 41)]).toEqual([true, false, false]);
  });

  it('takes numbers that grow, and empties a place once', () => {
    const packets = new SentPackets();
    packets.push(packet(4));
    expect(() => {
      packets.push(packet(4));
    }).toThrow(RangeError);
    packets.push(packet(5));
    packets.removeAt(1);
    expect(() => {
      packets.removeAt(1);
    }).toThrow(RangeError);
  });

  it('agrees with a plain list, through growth, wrapping and running empty', () => {
    const operation = fc.oneof(
      fc.record({ kind: fc.constant('push' as const), count: fc.integer({ min: 1, max: 40 }) }),
      fc.record({ kind: fc.constant('remove' as const), count: fc.integer({ min: 1, max: 60 }), at: fc.nat() }),
      fc.record({ kind: fc.constant('clear' as const), count: fc.constant(1) }),
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const packets = new SentPackets();
        let model: SentPacket[] = [];
        let next = 0;
        for (const step of operations) {
          for (let i = 0; i < step.count; i += 1) {
            if (step.kind === 'push') {
              next += 1 + (next % 3);
              const sent = packet(next, 1 + (next % 1_400));
              packets.push(sent);
              model.push(sent);
            } else if (step.kind === 'remove' && model.length > 0) {
              const [gone] = model.splice(step.at % model.length, 1);
              const place = packets.placeOf(gone!.number, packets.start);
              expect(packets.at(place)).toBe(gone);
              packets.removeAt(place);
            } else if (step.kind === 'clear') {
              packets.clear();
              model = [];
            }
          }
          expect(numbersIn(packets)).toEqual(model.map(({ number }) => number));
          expect(packets.count).toBe(model.length);
          expect(packets.bytes).toBe(model.reduce((sum, { bytes }) => sum + bytes, 0));
          expect(packets.at(packets.start)).toBe(model[0]);
        }
      }),
    );
  });
});
