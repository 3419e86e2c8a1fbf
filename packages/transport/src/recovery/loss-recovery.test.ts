import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { AckFrame } from '../wire/frame-types.js';
import { LossRecovery, type TimeoutOutcome } from './loss-recovery.js';
import { RttEstimator } from './rtt.js';
import type { SentPacket } from './sent-packet.js';

function packet(number: number, sentAt: number, options: { bytes?: number; isMtuProbe?: boolean } = {}): SentPacket {
  return {
    number,
    sentAt,
    bytes: options.bytes ?? 100,
    contents: [],
    acknowledgedUpTo: -1,
    isMtuProbe: options.isMtuProbe ?? false,
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

function sent(numbers: readonly (readonly [number: number, at: number])[], rttMs?: number) {
  const rtt = new RttEstimator();
  if (rttMs !== undefined) rtt.sample(rttMs, 0);
  const recovery = new LossRecovery(rtt);
  for (const [number, sentAt] of numbers) recovery.onSent(packet(number, sentAt));
  return { rtt, recovery };
}

function ack(...ranges: [smallest: number, largest: number][]): AckFrame {
  return { ranges: ranges.map(([smallest, largest]) => ({ smallest, largest })), delayUs: 0 };
}

function numbersOf(packets: readonly SentPacket[]): number[] {
  return packets.map(({ number }) => number);
}

function lostIn(outcome: TimeoutOutcome): number[] | 'probe' {
  return outcome.kind === 'probe' ? 'probe' : numbersOf(outcome.packets);
}

describe('LossRecovery', () => {
  it('takes acknowledged packets out of flight and measures the largest', () => {
    const { recovery, rtt } = sent([
      [0, 0],
      [1, 5],
      [3, 10],
    ]);
    expect(recovery.bytesInFlight).toBe(300);
    const outcome = recovery.onAck(50, ack([1, 3]));
    expect(numbersOf(outcome.acknowledged)).toEqual([1, 3]);
    expect(numbersOf(outcome.lost)).toEqual([0]);
    expect(outcome.rttMs).toBe(40);
    expect(recovery.bytesInFlight).toBe(0);
    expect(rtt.smoothedMs).toBe(40);
    expect(rtt.minMs).toBe(40);
  });

  it('does not measure when the largest was acknowledged before, or does not count', () => {
    const { recovery, rtt } = sent([[0, 0]]);
    expect(recovery.onAck(50, ack([0, 1])).rttMs).toBeUndefined();
    expect(rtt.smoothedMs).toBeUndefined();
  });

  it('acknowledges a packet once, whatever is repeated', () => {
    const { recovery } = sent([
      [0, 0],
      [1, 0],
    ]);
    expect(numbersOf(recovery.onAck(10, ack([0, 0])).acknowledged)).toEqual([0]);
    expect(numbersOf(recovery.onAck(11, ack([0, 1])).acknowledged)).toEqual([1]);
    const outcome = recovery.onAck(12, ack([0, 1]));
    expect([outcome.acknowledged, outcome.lost, outcome.spurious, outcome.rttMs]).toEqual([[], [], [], undefined]);
  });

  it('calls a packet lost when three later ones came, and not before', () => {
    const packets = [0, 1, 2, 3].map((number) => [number, 0] as const);
    expect(numbersOf(sent(packets, 100).recovery.onAck(10, ack([2, 2])).lost)).toEqual([]);
    expect(numbersOf(sent(packets, 100).recovery.onAck(10, ack([3, 3])).lost)).toEqual([0]);
  });

  it('calls a packet lost 9/8 of a round trip after it, when a later one came', () => {
    const { recovery } = sent(
      [
        [0, 0],
        [1, 0],
      ],
      80,
    );
    expect(numbersOf(recovery.onAck(80, ack([1, 1])).lost)).toEqual([]);
    expect(recovery.deadline).toBeCloseTo(90);
    expect(lostIn(recovery.onTimeout(90))).toEqual([0]);
    expect(recovery.bytesInFlight).toBe(0);
  });

  it('probes when nothing comes back, waiting twice as long each time, at most 2 s', () => {
    const { recovery, rtt } = sent([[0, 1_000]], 100);
    const waits: number[] = [];
    let now = 1_000;
    for (let i = 0; i < 8; i += 1) {
      const deadline = recovery.deadline ?? 0;
      waits.push(deadline - now);
      now = deadline;
      expect(lostIn(recovery.onTimeout(now))).toBe('probe');
    }
    const { ptoMs } = rtt;
    const doubling = [ptoMs, 2 * ptoMs, 4 * ptoMs, 8 * ptoMs].map((wait) => Math.min(wait, 2_000));
    expect(waits.slice(0, 4)).toEqual(doubling);
    expect(waits.slice(5)).toEqual([2_000, 2_000, 2_000]);
    expect(recovery.bytesInFlight).toBe(100);
    recovery.onSent(packet(1, now));
    recovery.onAck(now + 100, ack([1, 1]));
    recovery.onSent(packet(2, now + 100));
    expect((recovery.deadline ?? 0) - (now + 100)).toBeLessThan(1_000);
  });

  it('begins probes anew after a sign of life', () => {
    const { recovery, rtt } = sent([[0, 0]], 100);
    for (let i = 0; i < 5; i += 1) recovery.onTimeout(1_000);
    recovery.forgetBackoff();
    expect(recovery.deadline).toBe(1_000 + rtt.ptoMs);
  });

  it('waits for nothing when nothing is in flight', () => {
    const { recovery } = sent([[0, 0]]);
    recovery.onAck(10, ack([0, 0]));
    expect(recovery.deadline).toBeUndefined();
  });

  it('knows the oldest and the newest', () => {
    const { recovery } = sent(
      [4, 7, 9, 10].map((number) => [number, 0] as const),
      100,
    );
    recovery.onAck(1, ack([9, 9], [4, 4]));
    recovery.onSent(packet(12, 1));
    expect(numbersOf(recovery.oldest(2))).toEqual([7, 10]);
    expect(numbersOf(recovery.oldest(9))).toEqual([7, 10, 12]);
    expect(numbersOf(recovery.newest(2))).toEqual([12, 10]);
    expect(numbersOf(recovery.newest(9))).toEqual([12, 10, 7]);
  });

  it('looks at what is in flight, not at what a frame claims', () => {
    const { recovery } = sent([[2 ** 40, 0]]);
    expect(numbersOf(recovery.onAck(1, ack([0, 2 ** 40])).acknowledged)).toEqual([2 ** 40]);
  });

  it('gives up everything when the path is gone, and hears nothing of it afterwards', () => {
    const { recovery } = sent([1, 2, 3, 4, 5, 9].map((number) => [number, 0] as const));
    recovery.onSent(packet(10, 0, { isMtuProbe: true }));
    recovery.onAck(20, ack([5, 5]));
    expect(numbersOf(recovery.abandon())).toEqual([3, 4, 9, 10]);
    expect(recovery.bytesInFlight).toBe(0);
    expect(recovery.deadline).toBeUndefined();
    const outcome = recovery.onAck(30, ack([1, 10]));
    expect([outcome.acknowledged, outcome.lost, outcome.spurious]).toEqual([[], [], []]);
    recovery.onSent(packet(11, 40));
    expect(numbersOf(recovery.onAck(50, ack([11, 11])).acknowledged)).toEqual([11]);
  });

  it('is full when very many packets are in flight', () => {
    const recovery = new LossRecovery(new RttEstimator());
    for (let number = 0; number < 32_767; number += 1) recovery.onSent(packet(number, 0));
    expect(recovery.isFull).toBe(false);
    recovery.onSent(packet(32_767, 0));
    expect(recovery.isFull).toBe(true);
    recovery.onAck(10, ack([0, 32_767]));
    expect(recovery.isFull).toBe(false);
  });
});

describe('persistent congestion', () => {
  /** A first sample at 20 ms, then packets from 100 ms on over more than three probe timeouts. */
  function outage(probes: { begin?: boolean; end?: boolean } = {}) {
    const { recovery, rtt } = sent([[0, 0]]);
    recovery.onAck(20, ack([0, 0]));
    const durationMs = rtt.ptoMs * 3;
    recovery.onSent(packet(1, 100, { isMtuProbe: probes.begin ?? false }));
    recovery.onSent(packet(2, 200));
    recovery.onSent(packet(3, 110 + durationMs, { isMtuProbe: probes.end ?? false }));
    recovery.onSent(packet(9, 120 + durationMs));
    return { recovery, now: 140 + durationMs };
  }

  it('is found when all is lost over three probe timeouts', () => {
    const { recovery, now } = outage();
    const outcome = recovery.onAck(now, ack([9, 9]));
    expect(numbersOf(outcome.lost)).toEqual([1, 2, 3]);
    expect(outcome.isPersistentCongestion).toBe(true);
  });

  it('is not found when a packet between came through', () => {
    const { recovery, now } = outage();
    const outcome = recovery.onAck(now, ack([9, 9], [2, 2]));
    expect(numbersOf(outcome.lost)).toEqual([1, 3]);
    expect(outcome.isPersistentCongestion).toBe(false);
  });

  it('is not found for what was sent before the first sample', () => {
    const { recovery, rtt } = sent([
      [0, 0],
      [1, 1],
    ]);
    recovery.onAck(20, ack([0, 0]));
    recovery.onSent(packet(2, 21 + rtt.ptoMs * 3));
    recovery.onSent(packet(5, 22 + rtt.ptoMs * 3));
    const outcome = recovery.onAck(50 + rtt.ptoMs * 3, ack([5, 5]));
    expect(numbersOf(outcome.lost)).toEqual([1, 2]);
    expect(outcome.isPersistentCongestion).toBe(false);
  });

  it('neither begins nor ends with an MTU probe', () => {
    for (const probes of [{ begin: true }, { end: true }]) {
      const { recovery, now } = outage(probes);
      const outcome = recovery.onAck(now, ack([9, 9]));
      expect(numbersOf(outcome.lost)).toEqual([1, 2, 3]);
      expect(outcome.isPersistentCongestion).toBe(false);
    }
  });
});

describe('an MTU probe', () => {
  it('asks for no probe by itself, and is given up alone', () => {
    const { recovery, rtt } = sent([], 100);
    recovery.onSent(packet(0, 50, { isMtuProbe: true, bytes: 1_452 }));
    expect(recovery.bytesInFlight).toBe(1_452);
    expect(recovery.deadline).toBe(50 + rtt.ptoMs);
    expect(lostIn(recovery.onTimeout(50 + rtt.ptoMs))).toEqual([0]);
    expect(recovery.bytesInFlight).toBe(0);
    // It has arrived late: that is no reordering.
    expect(numbersOf(recovery.onAck(1_000, ack([0, 0])).spurious)).toEqual([0]);
    for (const number of [1, 2, 3, 4]) recovery.onSent(packet(number, 1_000));
    expect(numbersOf(recovery.onAck(1_001, ack([4, 4])).lost)).toEqual([1]);
  });

  it('does not put off the probe that others wait for', () => {
    const { recovery, rtt } = sent([[0, 0]], 100);
    recovery.onSent(packet(1, 60, { isMtuProbe: true }));
    expect(recovery.deadline).toBe(rtt.ptoMs);
    expect(lostIn(recovery.onTimeout(rtt.ptoMs))).toBe('probe');
    recovery.onAck(rtt.ptoMs + 1, ack([0, 0]));
    expect(recovery.deadline).toBe(60 + rtt.ptoMs);
  });
});

describe('a number that is not tracked', () => {
  it('shows no loss when it is acknowledged: its packet may have gone another way', () => {
    const { recovery, rtt } = sent(
      [0, 1, 2].map((number) => [number, 100] as const),
      80,
    );
    // 3 to 6 were probes of a faster path.
    const outcome = recovery.onAck(130, ack([3, 6]));
    expect([outcome.acknowledged, outcome.lost, outcome.rttMs]).toEqual([[], [], undefined]);
    expect(numbersOf(recovery.onAck(180, ack([3, 6], [0, 0])).acknowledged)).toEqual([0]);
    expect([recovery.packetsInFlight, rtt.smoothedMs]).toEqual([2, 80]);
    expect(lostIn(recovery.onTimeout(recovery.deadline ?? 0))).toBe('probe');
  });
});

describe('a loss that was none', () => {
  /** Sends packets 0 to 3 at once and has the last acknowledged, so that 0 is lost; a round trip of 80 ms is known. */
  function mistaken() {
    const { recovery, rtt } = sent(
      [0, 1, 2, 3].map((number) => [number, 100] as const),
      80,
    );
    expect(numbersOf(recovery.onAck(180, ack([1, 3])).lost)).toEqual([0]);
    return { recovery, rtt };
  }

  /** Sends four packets, one each ms, and has all but the first acknowledged. @returns when that one is lost */
  function overtake(recovery: LossRecovery, first: number, at: number): number {
    for (let i = 0; i < 4; i += 1) recovery.onSent(packet(first + i, at + i));
    const { lost } = recovery.onAck(at + 80, ack([first + 1, first + 3]));
    if (lost.length > 0) return at + 80;
    return recovery.deadline ?? 0;
  }

  it('is reported once, when its acknowledgement comes late', () => {
    const { recovery } = mistaken();
    const outcome = recovery.onAck(185, ack([0, 3]));
    expect(numbersOf(outcome.spurious)).toEqual([0]);
    expect(outcome.acknowledged).toEqual([]);
    expect(outcome.rttMs).toBeUndefined();
    expect(recovery.onAck(186, ack([0, 3])).spurious).toEqual([]);
    expect(recovery.bytesInFlight).toBe(0);
  });

  it('is forgotten after three to six probe timeouts, which takes a timer when all is quiet', () => {
    const { recovery, rtt } = mistaken();
    const first = recovery.deadline ?? 0;
    expect(first).toBeCloseTo(180 + 3 * rtt.ptoMs);
    expect(lostIn(recovery.onTimeout(first))).toEqual([]);
    const second = recovery.deadline ?? 0;
    expect(second).toBeCloseTo(first + 3 * rtt.ptoMs);
    expect(lostIn(recovery.onTimeout(second))).toEqual([]);
    expect(recovery.deadline).toBeUndefined();
    expect(recovery.onAck(second, ack([0, 3])).spurious).toEqual([]);
  });

  it('makes the window a quarter of the smallest round trip, and more with each round trip, up to a whole', () => {
    const { recovery, rtt } = mistaken();
    recovery.onAck(185, ack([0, 3]));
    const waits: number[] = [];
    for (let i = 0; i < 6; i += 1) {
      const at = 1_000 * (i + 1);
      const first = 10 * (i + 1);
      const lostAt = overtake(recovery, first, at);
      waits.push(lostAt - at);
      expect(lostIn(recovery.onTimeout(lostAt))).toEqual([first]);
      expect(numbersOf(recovery.onAck(lostAt + 1, ack([first, first + 3])).spurious)).toEqual([first]);
    }
    const rttMs = Math.max(rtt.smoothedMs ?? 0, rtt.latestMs);
    const minMs = rtt.minMs ?? 0;
    expect(rttMs / minMs).toBeLessThan(1.05);
    const windows = waits.map((wait) => Math.round(((wait - rttMs) / minMs) * 10) / 10);
    expect(windows).toEqual([0.3, 0.5, 0.8, 1, 1, 1]);
  });

  it('widens the window once a round trip', () => {
    const { recovery } = sent(
      [0, 1, 2, 3, 4, 5, 6].map((number) => [number, 100] as const),
      80,
    );
    expect(numbersOf(recovery.onAck(180, ack([4, 6])).lost)).toEqual([0, 1, 2, 3]);
    for (const number of [0, 1, 2, 3]) {
      expect(numbersOf(recovery.onAck(181 + number, ack([number, number])).spurious)).toEqual([number]);
    }
    expect(overtake(recovery, 10, 1_000) - 1_000).toBeCloseTo(80 * 1.25, -1);
  });

  it('is feared for 16 recoveries: the window falls to its first step, and then packets count again', () => {
    const { recovery } = mistaken();
    recovery.onAck(185, ack([0, 3]));
    let at = 1_000;
    let first = 10;
    const recover = (): number => {
      at += 1_000;
      first += 10;
      const lostAt = overtake(recovery, first, at);
      if (lostAt > at + 80) recovery.onTimeout(lostAt);
      return Math.round((lostAt - at - 80) / 10);
    };
    // One more mistake makes two steps.
    const lostAt = overtake(recovery, 10, 1_000);
    recovery.onTimeout(lostAt);
    recovery.onAck(lostAt + 1, ack([10, 13]));
    const waits: number[] = [];
    for (let i = 0; i < 36; i += 1) waits.push(recover());
    expect(waits).toEqual([...Array<number>(16).fill(4), ...Array<number>(16).fill(2), 0, 0, 0, 0]);
  });

  it('is remembered for 2,048 packets, the newest', () => {
    const recovery = new LossRecovery(new RttEstimator());
    for (let number = 0; number < 3_000; number += 1) recovery.onSent(packet(number, 0));
    recovery.onAck(10, ack([2_999, 2_999]));
    const outcome = recovery.onAck(11, ack([0, 2_999]));
    expect(outcome.acknowledged.length).toBe(2);
    expect(outcome.spurious.length).toBe(2_048);
    expect(outcome.spurious[0]?.number).toBe(2_996 - 2_047);
  });
});

describe('any course of events', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('send' as const), count: fc.integer({ min: 1, max: 30 }) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('ack' as const),
        edges: fc.uniqueArray(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 12 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('timeout' as const) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 400 }) }) },
  );

  /** Ranges below `next`, cut at the edges, counted from the newest number down. */
  function framed(next: number, edges: readonly number[]): AckFrame | undefined {
    const cuts = edges
      .map((edge) => next - 1 - edge)
      .filter((number) => number >= 0)
      .sort((a, b) => b - a);
    const ranges: { smallest: number; largest: number }[] = [];
    for (let i = 0; i < cuts.length; i += 2) {
      const largest = cuts[i]!;
      const smallest = cuts[i + 1] ?? largest;
      const above = ranges.at(-1);
      if (above && above.smallest <= largest + 1) above.smallest = smallest;
      else ranges.push({ smallest, largest });
    }
    return ranges.length > 0 ? { ranges, delayUs: 0 } : undefined;
  }

  it('ends each packet once, and bytesInFlight is the sum of those that have not ended', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const recovery = new LossRecovery(new RttEstimator());
        const states = new Map<SentPacket, 'in-flight' | 'acknowledged' | 'lost' | 'spurious'>();
        let next = 0;
        let now = 0;
        let largestAcknowledged = -1;
        let hadMistakes = false;
        const turn = (packets: readonly SentPacket[], from: string, to: 'acknowledged' | 'lost' | 'spurious') => {
          packets.forEach((one, i) => {
            // Not by expect, which takes longer than all the rest.
            if (states.get(one) !== from) throw new Error(`${String(one.number)} is ${to} and was not ${from}`);
            states.set(one, to);
            if (one.number <= (packets[i - 1]?.number ?? -1)) throw new Error(`${String(one.number)} is not in order`);
          });
        };
        const inFlight = () => [...states].filter(([, state]) => state === 'in-flight').map(([one]) => one);
        const doAck = (frame: AckFrame) => {
          const told = (one: SentPacket) =>
            frame.ranges.some(({ smallest, largest }) => one.number >= smallest && one.number <= largest);
          const expected = inFlight().filter(told);
          const late = [...states].filter(([one, state]) => state === 'lost' && told(one)).map(([one]) => one);
          const outcome = recovery.onAck(now, frame);
          // Numbers that are not tracked count for nothing.
          largestAcknowledged = Math.max(
            largestAcknowledged,
            ...numbersOf(outcome.acknowledged),
            ...numbersOf(outcome.spurious),
          );
          expect(numbersOf(outcome.acknowledged)).toEqual(numbersOf(expected));
          // Some are forgotten by then.
          expect(late).toEqual(expect.arrayContaining([...outcome.spurious]));
          turn(outcome.acknowledged, 'in-flight', 'acknowledged');
          turn(outcome.spurious, 'lost', 'spurious');
          turn(outcome.lost, 'in-flight', 'lost');
          hadMistakes ||= outcome.spurious.some(({ isMtuProbe }) => !isMtuProbe);
          if (outcome.lost.length > 0) expect(outcome.lost.at(-1)!.number).toBeLessThan(largestAcknowledged);
          const survivors = inFlight().filter(({ number }) => number <= largestAcknowledged - 3);
          if (!hadMistakes && outcome.acknowledged.length > 0) expect(survivors).toEqual([]);
        };
        const doTimeout = () => {
          const { deadline } = recovery;
          if (deadline === undefined) return;
          now = Math.max(now, deadline);
          const outcome = recovery.onTimeout(now);
          if (outcome.kind === 'lost') turn(outcome.packets, 'in-flight', 'lost');
        };
        for (const one of steps) {
          if (one.kind === 'send') {
            for (let i = 0; i < one.count; i += 1) {
              now += 0.25;
              const fresh = packet(next, now, { bytes: 30 + (next % 1_200), isMtuProbe: next % 17 === 5 });
              states.set(fresh, 'in-flight');
              recovery.onSent(fresh);
              next += next % 5 === 3 ? 3 : 1;
            }
          } else if (one.kind === 'ack') {
            const frame = framed(next, one.edges);
            if (frame) doAck(frame);
          } else if (one.kind === 'timeout') {
            doTimeout();
          } else {
            now += one.ms;
          }
          const open = inFlight();
          expect(recovery.packetsInFlight).toBe(open.length);
          expect(recovery.bytesInFlight).toBe(open.reduce((sum, { bytes }) => sum + bytes, 0));
          expect(numbersOf(recovery.oldest(Infinity))).toEqual(numbersOf(open));
          if (open.length > 0) expect(recovery.deadline).toBeDefined();
        }
        // One packet more that arrives, and time: everything ends, and then nothing waits.
        recovery.onSent(packet(next, now));
        const last = recovery.newest(1)[0]!;
        states.set(last, 'in-flight');
        doAck(framed(next + 1, [0])!);
        for (let i = 0; i < 3_000 && recovery.deadline !== undefined; i += 1) doTimeout();
        expect(inFlight()).toEqual([]);
        expect(recovery.deadline).toBeUndefined();
      }),
    );
  });
});
