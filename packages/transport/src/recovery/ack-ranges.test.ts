import { describe, expect, it } from '@jest/globals';
import { AckRanges } from './ack-ranges.js';

function received(...packets: [at: number, number: number, ackEliciting?: boolean][]): AckRanges {
  const acks = new AckRanges();
  for (const [at, number, ackEliciting = true] of packets) acks.onReceived(at, number, ackEliciting);
  return acks;
}

describe('AckRanges', () => {
  it('waits 25 ms after one packet', () => {
    const acks = received([100, 0]);
    expect(acks.deadline).toBe(125);
    expect(acks.isDue(124)).toBe(false);
    expect(acks.isDue(125)).toBe(true);
    expect(acks.isWaiting).toBe(true);
  });

  it('answers every second packet at once', () => {
    expect(received([100, 0], [110, 1]).isDue(110)).toBe(true);
  });

  it('answers a gap and a late packet at once', () => {
    expect(received([100, 1]).isDue(100)).toBe(true);
    const acks = received([100, 0], [100, 2]);
    acks.takeFrame(100);
    acks.onReceived(101, 1, true);
    expect(acks.isDue(101)).toBe(true);
  });

  it('keeps the first deadline', () => {
    const acks = received([100, 0], [110, 1, false]);
    expect(acks.deadline).toBe(125);
  });

  it('does not answer what does not ask', () => {
    const acks = received([100, 0, false], [101, 1, false], [102, 5, false]);
    expect(acks.deadline).toBeUndefined();
    expect(acks.isWaiting).toBe(false);
  });

  it('tells ranges from the largest down, and how long the largest waited', () => {
    const acks = received([100, 0], [100, 1], [101, 4], [103, 5], [104, 3]);
    expect(acks.takeFrame(110)).toEqual({
      type: 'ack',
      ranges: [
        { smallest: 3, largest: 5 },
        { smallest: 0, largest: 1 },
      ],
      delayUs: 7_000,
    });
    expect(acks.deadline).toBeUndefined();
    expect(acks.isWaiting).toBe(false);
  });

  it('forgets what the peer knows, but for the largest', () => {
    const acks = received([0, 0], [0, 1], [0, 3]);
    acks.forgetUpTo(1);
    expect(acks.takeFrame(0).ranges).toEqual([{ smallest: 3, largest: 3 }]);
    acks.forgetUpTo(3);
    expect(acks.takeFrame(0).ranges).toEqual([{ smallest: 3, largest: 3 }]);
  });

  it('remembers 32 ranges, the newest', () => {
    const acks = new AckRanges();
    for (let number = 0; number < 200; number += 2) acks.onReceived(0, number, true);
    const { ranges } = acks.takeFrame(0);
    expect(ranges.length).toBe(32);
    expect(ranges[0]).toEqual({ smallest: 198, largest: 198 });
    expect(ranges.at(-1)).toEqual({ smallest: 136, largest: 136 });
  });
});
