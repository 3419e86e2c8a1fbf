import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ByteWriter } from '../wire/byte-writer.js';
import { readFrames, type FrameSink } from '../wire/frame-reader.js';
import type { AckFrame } from '../wire/frame-types.js';
import { writeAck } from '../wire/frame-writer.js';
import { AckRanges } from './ack-ranges.js';
import { RttEstimator } from './rtt.js';

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
    expect(acks.takeFrame(110)).toMatchObject({
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
    expect(acks.takeFrame(0).ranges).toMatchObject([{ smallest: 3, largest: 3 }]);
    acks.forgetUpTo(3);
    expect(acks.takeFrame(0).ranges).toMatchObject([{ smallest: 3, largest: 3 }]);
  });

  it('remembers 64 ranges, the newest', () => {
    const acks = new AckRanges();
    for (let number = 0; number < 200; number += 2) acks.onReceived(0, number, true);
    const { ranges } = acks.takeFrame(0);
    expect(ranges.length).toBe(64);
    expect(ranges[0]).toMatchObject({ smallest: 198, largest: 198 });
    expect(ranges.at(-1)).toMatchObject({ smallest: 72, largest: 72 });
    // A late packet below all of them pushes out none.
    acks.onReceived(1, 51, true);
    expect(acks.takeFrame(1).ranges.length).toBe(64);
    expect(acks.takeFrame(1).ranges.at(-1)?.smallest).toBe(72);
  });

  it('fits whole into the smallest datagram, however long its numbers are', () => {
    const acks = new AckRanges();
    for (let i = 0; i < 64; i += 1) {
      const start = 2 ** 50 + i * 2 ** 33;
      acks.onReceived(0, start, true);
    }
    const writer = new ByteWriter(new Uint8Array(1_100 - 32));
    writeAck(writer, acks.takeFrame(10_000));
    let told: AckFrame | undefined;
    const sink = { onAck: (frame: AckFrame) => (told = frame) } as unknown as FrameSink;
    readFrames(writer.written(), sink);
    expect(told?.ranges.length).toBe(64);
  });

  it('goes on telling what came late, until a frame with it has been seen', () => {
    const acks = received([0, 0], [0, 1], [0, 3]);
    acks.takeFrame(0);
    acks.onReceived(1, 4, true);
    acks.onReceived(2, 6, true);
    acks.takeFrame(2);
    // Comes after the frame up to 6: that one seen does not mean that 2 is known.
    acks.onReceived(3, 2, true);
    acks.forgetUpTo(6);
    expect(acks.takeFrame(3).ranges).toMatchObject([
      { smallest: 6, largest: 6 },
      { smallest: 0, largest: 4 },
    ]);
    acks.onReceived(4, 7, true);
    acks.takeFrame(4);
    acks.forgetUpTo(7);
    expect(acks.takeFrame(4).ranges).toMatchObject([{ smallest: 7, largest: 7 }]);
  });

  it('agrees with a plain set of numbers', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 90 }), { maxLength: 90 }), (numbers) => {
        const acks = new AckRanges();
        const model = new Set<number>();
        for (const number of numbers) {
          acks.onReceived(0, number, true);
          model.add(number);
          if (number % 5 === 0) acks.rest();
        }
        const told: number[] = [];
        let previous = Infinity;
        for (const { smallest, largest } of acks.takeFrame(0).ranges) {
          expect(largest).toBeLessThan(previous - 1);
          for (let number = largest; number >= smallest; number -= 1) told.push(number);
          previous = smallest;
        }
        expect(told).toEqual([...model].sort((a, b) => b - a));
      }),
    );
  });

  it('forgets only what a seen frame has told', () => {
    // What a frame held is forgotten when it is seen; all else that came is still told, but for what fell off.
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ kind: fc.constant('receive' as const), at: fc.nat() }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('tell' as const), at: fc.nat() }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('seen' as const), at: fc.nat() }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const acks = new AckRanges();
        const frames: { largest: number; numbers: Set<number> }[] = [];
        const arrived = new Set<number>();
        const known = new Set<number>();
        for (const { kind, at } of steps) {
          const told = new Set(
            acks
              .takeFrame(0)
              .ranges.flatMap(({ smallest, largest }) =>
                Array.from({ length: largest - smallest + 1 }, (_, i) => smallest + i),
              ),
          );
          if (kind === 'receive') {
            const number = at % 60;
            if (arrived.has(number)) continue;
            arrived.add(number);
            acks.onReceived(0, number, true);
          } else if (kind === 'tell' && told.size > 0) {
            frames.push({ largest: Math.max(...told), numbers: told });
          } else if (kind === 'seen' && frames.length > 0) {
            const [frame] = frames.splice(at % frames.length, 1);
            for (const number of frame!.numbers) known.add(number);
            acks.forgetUpTo(frame!.largest);
          }
          const ranges = acks.takeFrame(0).ranges;
          for (const number of arrived) {
            const isTold = ranges.some(({ smallest, largest }) => number >= smallest && number <= largest);
            expect(isTold || known.has(number)).toBe(true);
          }
        }
      }),
    );
  });
});

describe('AckRanges of a fast stream', () => {
  /** Receives `count` packets from `first` on, one each `everyMs`; counts the frames that were due at once or by time. */
  function stream(acks: AckRanges, at: number, first: number, count: number, everyMs: number): number {
    let frames = 0;
    for (let i = 0; i < count; i += 1) {
      const now = at + i * everyMs;
      acks.onReceived(now, first + i, true);
      if (!acks.isDue(now)) continue;
      acks.takeFrame(now);
      frames += 1;
    }
    return frames;
  }

  function afterRoundTrips(rttMs: number, everyMs: number) {
    const rtt = new RttEstimator();
    rtt.sample(rttMs, 0, 0);
    const acks = new AckRanges(rtt);
    const warmUp = Math.ceil((3 * Math.max(rttMs, 1)) / everyMs);
    stream(acks, 0, 0, warmUp, everyMs);
    acks.takeFrame(warmUp * everyMs);
    return { acks, at: warmUp * everyMs, next: warmUp };
  }

  it('answers every second packet of the first round trip, then every 32nd', () => {
    const rtt = new RttEstimator();
    rtt.sample(50, 0, 0);
    const acks = new AckRanges(rtt);
    expect(stream(acks, 0, 0, 400, 0.1)).toBe(200);
    stream(acks, 40, 400, 200, 0.1);
    acks.takeFrame(60);
    expect(stream(acks, 60, 600, 416, 0.1)).toBe(13);
  });

  it('answers four times a round trip when few packets come in one', () => {
    const { acks, at, next } = afterRoundTrips(50, 2);
    // 25 packets a round trip: every sixth.
    expect(stream(acks, at, next, 60, 2)).toBe(10);
  });

  it('begins with every second packet again after a pause', () => {
    const { acks, at, next } = afterRoundTrips(50, 0.1);
    expect(stream(acks, at + 1_000, next, 20, 0.1)).toBe(10);
  });

  it('does not keep the last packets of a window for longer than a quarter of a round trip, nor 25 ms', () => {
    for (const [rttMs, everyMs, delayMs] of [
      [40, 0.1, 10],
      [400, 1, 25],
      [0.2, 0.01, 1],
    ] as const) {
      const { acks, at, next } = afterRoundTrips(rttMs, everyMs);
      acks.onReceived(at, next, true);
      expect(acks.deadline).toBeCloseTo(at + delayMs);
    }
  });

  it('tells a gap at once, and its end, and nothing for the packets between', () => {
    const { acks, at, next } = afterRoundTrips(50, 0.1);
    acks.onReceived(at, next + 1, true);
    expect(acks.isDue(at)).toBe(true);
    acks.takeFrame(at);
    for (let i = 2; i < 8; i += 1) acks.onReceived(at, next + i, true);
    expect(acks.isDue(at)).toBe(false);
    acks.onReceived(at, next, true);
    expect(acks.isDue(at)).toBe(true);
  });

  it('counts on instead where packets overtake each other all the time', () => {
    const { acks, at, next } = afterRoundTrips(50, 0.1);
    let frames = 0;
    for (let i = 0; i < 3_000; i += 1) {
      // Pairs in the wrong order.
      const now = at + i * 0.1;
      acks.onReceived(now, next + (i ^ 1), true);
      if (!acks.isDue(now)) continue;
      acks.takeFrame(now);
      if (i >= 1_000) frames += 1;
    }
    expect(frames).toBe(63);
  });

  it('makes no new frame and no new range for packets in order', () => {
    const acks = received([0, 0]);
    const frame = acks.takeFrame(0);
    const [range] = frame.ranges;
    acks.onReceived(1, 1, true);
    expect(acks.takeFrame(1)).toBe(frame);
    expect(frame.ranges[0]).toBe(range);
    expect(range).toMatchObject({ smallest: 0, largest: 1 });
  });
});
