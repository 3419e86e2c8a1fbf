import { describe, expect, it } from '@jest/globals';
import { packetTypes } from '../wire/packets.js';
import { measured } from './measure/measured.js';
import { PacketFlood } from './packet-flood.js';

const timeLimitMs = 120_000;

describe('packets of strangers', () => {
  it('are of every type', () => {
    expect(new PacketFlood(1).types).toEqual(new Set(Object.values(packetTypes)));
  });

  it.each(['random', 'mutated'] as const)(
    'that are %s, a million of them: no answer, no change, and no memory',
    (kind) => {
      const report = measured(kind, 1);
      expect(report.packets).toBe(1_000_000);
      expect(report.driftBytes).toBeLessThan(10 * 1024 * 1024);
    },
    timeLimitMs,
  );
});

describe('the flood', () => {
  it('finds what is not refused', () => {
    // As it was sent, the first initiation is answered again.
    const flood = new PacketFlood(1);
    expect(() => {
      flood.repeated();
    }).toThrow('answers');
  });
});
