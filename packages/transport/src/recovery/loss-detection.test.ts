import { describe, expect, it } from '@jest/globals';
import type { AckFrame } from '../wire/frames.js';
import { LossDetection, type LossOutcome } from './loss-detection.js';
import { RttEstimator } from './rtt.js';

function sent(numbers: [number: number, at: number][], rttMs?: number) {
  const rtt = new RttEstimator();
  if (rttMs !== undefined) rtt.sample(rttMs, 0);
  const loss = new LossDetection(rtt);
  for (const [number, sentAt] of numbers) {
    loss.onSent({ number, sentAt, bytes: 100, pieces: [], acknowledgedUpTo: undefined });
  }
  return { rtt, loss };
}

function ack(...ranges: [smallest: number, largest: number][]): AckFrame {
  return { type: 'ack', ranges: ranges.map(([smallest, largest]) => ({ smallest, largest })), delayUs: 0 };
}

function lostNumbers(outcome: LossOutcome | 'probe'): number[] | 'probe' {
  return outcome === 'probe' ? outcome : outcome.packets.map(({ number }) => number);
}

describe('LossDetection', () => {
  it('takes acknowledged packets out of flight and measures the largest', () => {
    const { loss, rtt } = sent([
      [0, 0],
      [1, 5],
      [3, 10],
    ]);
    expect(loss.bytesInFlight).toBe(300);
    const outcome = loss.onAck(50, ack([1, 3]));
    expect(outcome.acknowledged.map(({ number }) => number)).toEqual([1, 3]);
    expect(loss.bytesInFlight).toBe(0);
    expect(lostNumbers(outcome.lost)).toEqual([0]);
    expect(rtt.smoothedMs).toBe(40);
  });

  it('does not measure when the largest was acknowledged before, or does not count', () => {
    const { loss, rtt } = sent([[0, 0]]);
    loss.onAck(50, ack([0, 1]));
    expect(rtt.smoothedMs).toBeUndefined();
  });

  it('calls a packet lost when three later ones came, and not before', () => {
    const packets: [number, number][] = [
      [0, 0],
      [1, 0],
      [2, 0],
      [3, 0],
    ];
    expect(lostNumbers(sent(packets, 100).loss.onAck(10, ack([2, 2])).lost)).toEqual([]);
    expect(lostNumbers(sent(packets, 100).loss.onAck(10, ack([3, 3])).lost)).toEqual([0]);
  });

  it('calls a packet lost 9/8 of a round trip after it, when a later one came', () => {
    const { loss } = sent(
      [
        [0, 0],
        [1, 0],
      ],
      80,
    );
    expect(lostNumbers(loss.onAck(80, ack([1, 1])).lost)).toEqual([]);
    expect(loss.deadline).toBeCloseTo(90);
    expect(lostNumbers(loss.onTimeout(90))).toEqual([0]);
    expect(loss.deadline).toBeUndefined();
  });

  it('probes when nothing comes back, waiting twice as long each time, at most 5 s', () => {
    const { loss, rtt } = sent([[0, 1_000]], 100);
    const waits: number[] = [];
    let now = 1_000;
    for (let i = 0; i < 8; i += 1) {
      const deadline = loss.deadline ?? 0;
      waits.push(deadline - now);
      now = deadline;
      expect(loss.onTimeout(now)).toBe('probe');
    }
    const { ptoMs } = rtt;
    expect(waits.slice(0, 4)).toEqual([ptoMs, 2 * ptoMs, 4 * ptoMs, 8 * ptoMs]);
    expect(waits.slice(5)).toEqual([5_000, 5_000, 5_000]);
    expect(loss.bytesInFlight).toBe(100);
    loss.onSent({ number: 1, sentAt: now, bytes: 100, pieces: [], acknowledgedUpTo: undefined });
    loss.onAck(now + 100, ack([1, 1]));
    loss.onSent({ number: 2, sentAt: now + 100, bytes: 100, pieces: [], acknowledgedUpTo: undefined });
    expect((loss.deadline ?? 0) - (now + 100)).toBeLessThan(1_000);
  });

  it('waits for nothing when nothing is in flight', () => {
    const { loss } = sent([[0, 0]]);
    loss.onAck(10, ack([0, 0]));
    expect(loss.deadline).toBeUndefined();
  });

  it('knows the oldest packets', () => {
    const { loss } = sent([
      [4, 0],
      [7, 0],
      [9, 0],
    ]);
    expect(loss.oldest(2).map(({ number }) => number)).toEqual([4, 7]);
    expect(loss.oldest(9).map(({ number }) => number)).toEqual([4, 7, 9]);
  });

  it('finds persistent congestion when all is lost over three probe timeouts', () => {
    const { loss, rtt } = sent([[0, 0]]);
    loss.onAck(20, ack([0, 0]));
    const durationMs = rtt.ptoMs * 3;
    const send = (number: number, sentAt: number) => {
      loss.onSent({ number, sentAt, bytes: 100, pieces: [], acknowledgedUpTo: undefined });
    };
    send(1, 100);
    send(2, 200);
    send(3, 110 + durationMs);
    send(9, 120 + durationMs);
    const { lost } = loss.onAck(140 + durationMs, ack([9, 9]));
    expect(lostNumbers(lost)).toEqual([1, 2, 3]);
    expect(lost.persistentCongestion).toBe(true);
  });

  it('finds none when a packet between came through', () => {
    const { loss, rtt } = sent([[0, 0]]);
    loss.onAck(20, ack([0, 0]));
    const durationMs = rtt.ptoMs * 3;
    for (const [number, sentAt] of [
      [1, 100],
      [2, 200],
      [3, 110 + durationMs],
      [9, 120 + durationMs],
    ] as const) {
      loss.onSent({ number, sentAt, bytes: 100, pieces: [], acknowledgedUpTo: undefined });
    }
    const { lost } = loss.onAck(140 + durationMs, ack([9, 9], [2, 2]));
    expect(lostNumbers(lost)).toEqual([1, 3]);
    expect(lost.persistentCongestion).toBe(false);
  });

  it('walks over what is in flight, not over what a frame claims', () => {
    const { loss } = sent([[2 ** 40, 0]]);
    expect(loss.onAck(1, ack([0, 2 ** 40])).acknowledged.length).toBe(1);
  });
});
