/** Each condition by itself: exact where nothing is left to chance, within statistical bounds for fixed seeds else. */
import { describe, expect, it } from '@jest/globals';
import type { Address } from './address.js';
import { headerBytes, mbitPerS, type Conditions } from './conditions.js';
import { Network } from './network.js';
import type { Fate, TraceRecord } from './trace.js';

const left: Address = { address: '10.0.0.1', port: 1 };
const right: Address = { address: '10.0.0.2', port: 2 };
const silent = {
  handleDatagram: () => undefined,
  handleTimeout: () => undefined,
  pollTransmit: () => undefined,
  nextTimeout: () => undefined,
};

/** Sends datagrams from left to right, one every `intervalMs`, and gives what became of each, in the order of sending. */
function sendMany(
  conditions: Partial<Conditions>,
  {
    count,
    intervalMs = 0,
    bytes = 100,
    seed = 1,
  }: { count: number; intervalMs?: number; bytes?: number; seed?: number },
): { network: Network; trace: TraceRecord[]; fates: Fate[] } {
  const trace: TraceRecord[] = [];
  const network = new Network({ seed, conditions, startAt: 0, onTrace: (record) => trace.push(record) });
  network.attach(silent, right);
  for (let i = 0; i < count; i += 1) {
    network.schedule(i * intervalMs, () => {
      network.inject(left, right, numbered(i, bytes));
    });
  }
  network.run(count * intervalMs + 1_000_000);
  const fates: Fate[] = [];
  for (const { bytes: sent, fate } of trace) fates[numberOf(sent)] = fate;
  return { network, trace, fates };
}

function numbered(number: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

function numberOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
}

/** The lengths of the runs in which the condition holds. */
function runLengths<T>(values: readonly T[], holds: (value: T) => boolean): number[] {
  const lengths: number[] = [];
  let length = 0;
  for (const value of values) {
    if (holds(value)) {
      length += 1;
    } else if (length > 0) {
      lengths.push(length);
      length = 0;
    }
  }
  if (length > 0) lengths.push(length);
  return lengths;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

describe('Gilbert-Elliott loss', () => {
  it('loses as much, and in bursts as long, as its chain says', () => {
    const gilbertElliott = { goodToBad: 0.02, badToGood: 0.25, lossInGood: 0, lossInBad: 1 };
    const { fates } = sendMany({ gilbertElliott }, { count: 20_000 });
    const bursts = runLengths(fates, (fate) => fate === 'lost');
    // In the bad state for p / (p + r) of the time, and for 1 / r datagrams at a stretch.
    expect(fates.filter((fate) => fate === 'lost').length / fates.length).toBeCloseTo(0.02 / 0.27, 1);
    expect(Math.abs(mean(bursts) - 4)).toBeLessThan(0.4);
  });

  it('loses with the probabilities of the states', () => {
    const always = { goodToBad: 1, badToGood: 0, lossInGood: 0, lossInBad: 0.5 };
    const half = sendMany({ gilbertElliott: always }, { count: 4_000 }).fates;
    expect(Math.abs(half.filter((fate) => fate === 'lost').length - 2_000)).toBeLessThan(150);
    const never = { goodToBad: 0, badToGood: 1, lossInGood: 0, lossInBad: 1 };
    const none = sendMany({ gilbertElliott: never }, { count: 1_000 }).fates;
    expect(none.every((fate) => fate === 'delivered')).toBe(true);
  });

  it('keeps a state for each direction', () => {
    const trace: TraceRecord[] = [];
    const network = new Network({ seed: 1, onTrace: (record) => trace.push(record) });
    // The path to the right turns bad with its first datagram, and stays so.
    network.change(
      { gilbertElliott: { goodToBad: 1, badToGood: 0, lossInGood: 0, lossInBad: 1 } },
      { from: left.address, to: right.address },
    );
    for (const [host, peer] of [
      [left, right],
      [right, left],
    ] as const) {
      network.attach(silent, host);
      network.inject(host, peer, Uint8Array.of(1));
    }
    network.run(100);
    expect(trace.map(({ to, fate }) => [to.port, fate])).toEqual([
      [right.port, 'lost'],
      [left.port, 'delivered'],
    ]);
  });
});

describe('corruption', () => {
  const isCorrupt = ({ bytes }: TraceRecord): boolean => bytes.subarray(4).some((byte) => byte !== 0);
  // Bits of the number are flipped as well: those are found by their order.
  const corruptOnes = (trace: readonly TraceRecord[]): boolean[] =>
    trace.map((record, i) => numberOf(record.bytes) !== i || isCorrupt(record));

  it('in bursts hits as many as told, in multiples of the burst', () => {
    const { trace } = sendMany({ corruption: 0.3, corruptionBurst: 3 }, { count: 10_000, intervalMs: 1 });
    const hits = corruptOnes(trace);
    expect(Math.abs(hits.filter(Boolean).length / hits.length - 0.3)).toBeLessThan(0.02);
    expect(runLengths(hits, Boolean).every((length) => length % 3 === 0)).toBe(true);
  });

  it('by single datagrams hits as many', () => {
    const hits = corruptOnes(sendMany({ corruption: 0.3 }, { count: 10_000, intervalMs: 1 }).trace);
    expect(Math.abs(hits.filter(Boolean).length / hits.length - 0.3)).toBeLessThan(0.02);
    expect(runLengths(hits, Boolean)).toContain(1);
  });

  it('flips exactly one bit, and leaves what the sender has alone', () => {
    const sent = new Uint8Array(50);
    const network = new Network({ seed: 1, conditions: { corruption: 1 } });
    const arrived: Uint8Array[] = [];
    network.attach({ ...silent, handleDatagram: (_now, _from, bytes) => arrived.push(bytes) }, right);
    network.inject(left, right, sent);
    network.run(100);
    const bits = [...arrived[0]!].reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
    expect(bits).toBe(1);
    expect(sent.every((byte) => byte === 0)).toBe(true);
  });
});

describe('rate and queue', () => {
  const datagram = 1_000 - headerBytes;
  // 1,000 bytes with headers take 8 ms.
  const slow = { latencyMs: 20, rateBytesPerMs: mbitPerS(1) };

  it('sends one after the other, each as long as its bytes take', () => {
    const { trace } = sendMany(slow, { count: 4, bytes: datagram });
    expect(trace.map(({ at }) => at)).toEqual([28, 36, 44, 52]);
    expect(trace.map(({ bytes }) => numberOf(bytes))).toEqual([0, 1, 2, 3]);
  });

  it('does not delay what comes slower than the rate', () => {
    const { trace } = sendMany(slow, { count: 4, intervalMs: 10, bytes: datagram });
    expect(trace.map(({ at }) => at)).toEqual([28, 38, 48, 58]);
  });

  it('drops from the tail what the queue does not hold', () => {
    const { fates } = sendMany({ ...slow, queueBytes: 2_000 }, { count: 6, bytes: datagram });
    // One is being sent and two wait.
    expect(fates).toEqual(['delivered', 'delivered', 'delivered', 'queue-full', 'queue-full', 'queue-full']);
  });

  it('takes more when there is room again', () => {
    const { fates } = sendMany({ ...slow, queueBytes: 1_000 }, { count: 8, intervalMs: 4, bytes: datagram });
    expect(fates.filter((fate) => fate === 'delivered').length).toBe(5);
    // The third comes at the moment at which the first leaves, and before it does.
    expect(fates.slice(0, 4)).toEqual(['delivered', 'delivered', 'queue-full', 'delivered']);
  });

  it('holds for a direction, not for both together', () => {
    const trace: TraceRecord[] = [];
    const network = new Network({ seed: 1, conditions: slow, startAt: 0, onTrace: (record) => trace.push(record) });
    for (const [host, peer] of [
      [left, right],
      [right, left],
    ] as const) {
      network.attach(silent, host);
      network.inject(host, peer, new Uint8Array(datagram));
    }
    network.run(1_000);
    expect(trace.map(({ at }) => at)).toEqual([28, 28]);
  });

  it('changes with the next datagram after a step, and keeps the order of those that waited', () => {
    const trace: TraceRecord[] = [];
    const network = new Network({ seed: 1, conditions: slow, startAt: 0, onTrace: (record) => trace.push(record) });
    network.attach(silent, right);
    for (let i = 0; i < 4; i += 1) network.inject(left, right, numbered(i, datagram));
    network.changeAfter(9, { rateBytesPerMs: mbitPerS(2) });
    network.changeAfter(30, { latencyMs: 50 });
    network.schedule(10, () => {
      network.inject(left, right, numbered(4, datagram));
    });
    network.run(1_000);
    expect(trace.map(({ bytes }) => numberOf(bytes))).toEqual([0, 1, 2, 3, 4]);
    // 8 ms each for the first two, and 4 ms for the others; the last leaves at 28, before the latency grows.
    expect(trace.map(({ at }) => at)).toEqual([28, 36, 40, 44, 48]);
  });

  it('lets all that waits out at once when the limit goes', () => {
    const { trace } = sendMany(slow, { count: 1 });
    expect(trace.length).toBe(1);
    const freed: TraceRecord[] = [];
    const network = new Network({ seed: 1, conditions: slow, startAt: 0, onTrace: (record) => freed.push(record) });
    network.attach(silent, right);
    for (let i = 0; i < 2_000; i += 1) network.inject(left, right, numbered(i, datagram));
    network.changeAfter(9, { rateBytesPerMs: Infinity });
    network.run(1_000);
    expect(freed.map(({ bytes }) => numberOf(bytes))).toEqual(Array.from({ length: 2_000 }, (_, i) => i));
    expect(freed.at(-1)?.at).toBe(36);
  });
});

describe('the size of datagrams', () => {
  it('above what the path carries makes them vanish', () => {
    const conditions = { maxDatagramBytes: 1_200 };
    expect(sendMany(conditions, { count: 1, bytes: 1_200 }).fates).toEqual(['delivered']);
    expect(sendMany(conditions, { count: 1, bytes: 1_201 }).fates).toEqual(['too-large']);
  });
});

describe('dead times', () => {
  it('are the last part of each period', () => {
    const { fates } = sendMany({ deadTimes: { everyMs: 7_000, forMs: 2_000 } }, { count: 28, intervalMs: 500 });
    const expected = Array.from({ length: 28 }, (_, i) => ((i * 500) % 7_000 < 5_000 ? 'delivered' : 'blocked'));
    expect(fates).toEqual(expected);
    expect(fates.filter((fate) => fate === 'blocked').length).toBe(8);
  });

  it('let arrive what was on its way', () => {
    const { trace } = sendMany({ latencyMs: 100, deadTimes: { everyMs: 100, forMs: 10 } }, { count: 1 });
    expect(trace.map(({ fate, at }) => [fate, at])).toEqual([['delivered', 100]]);
  });
});

describe('a partition', () => {
  it('of one direction leaves the other alone, and can be healed', () => {
    const trace: TraceRecord[] = [];
    const network = new Network({ seed: 1, onTrace: (record) => trace.push(record) });
    const there = { from: left.address, to: right.address };
    network.attach(silent, left);
    network.attach(silent, right);
    const send = (): Fate[] => {
      trace.length = 0;
      network.inject(left, right, Uint8Array.of(1));
      network.inject(right, left, Uint8Array.of(1));
      network.run(100);
      return trace.toSorted((a, b) => a.from.port - b.from.port).map(({ fate }) => fate);
    };
    expect(send()).toEqual(['delivered', 'delivered']);
    network.change({ blocked: true }, there);
    expect(send()).toEqual(['blocked', 'delivered']);
    network.change({}, there);
    expect(send()).toEqual(['delivered', 'delivered']);
    network.change({ blocked: true });
    expect(send()).toEqual(['blocked', 'blocked']);
  });
});
