import { describe, expect, it } from '@jest/globals';
import { SeededRandom } from '@parley/simulator';
import { Bottleneck, datagramBytes, type BottleneckOptions, type Flow } from '../testing/bottleneck.js';
import { Bbr } from './bbr.js';
import type { CongestionController } from './congestion-controller.js';
import { Cubic } from './cubic.js';

function bbr(seed: number): Bbr {
  const random = new SeededRandom(seed + 1_000);
  return new Bbr({ datagramBytes, random: () => random.fraction() });
}

const cubic = (): Cubic => new Cubic({ datagramBytes });

const ignore = (): void => undefined;

/** Heeds neither losses nor delay. */
class FixedWindow implements CongestionController {
  readonly name = 'cubic';
  readonly phase = 'fixed';
  readonly pacingBytesPerMs = Infinity;
  readonly windowBytes: number;

  constructor(windowBytes: number) {
    this.windowBytes = windowBytes;
  }

  readonly onSent = ignore;
  readonly onAcknowledged = ignore;
  readonly onLost = ignore;
  readonly onSpuriousLoss = ignore;
  readonly onDatagramSizeChanged = ignore;
}

/** 100 Mbit/s and 10 Mbit/s with a queue as long as the path. */
const fast = { rateBytesPerMs: 12_500, queueBytes: 625_000, rttMs: 50 };
const slow = { rateBytesPerMs: 1_250, queueBytes: 62_500, rttMs: 50 };
const wide = { rateBytesPerMs: 40_000, queueBytes: 2_000_000, rttMs: 50 };

function path(options: Omit<BottleneckOptions, 'seed'>, seed = 1): Bottleneck {
  return new Bottleneck({ seed, ...options });
}

/** The share of the rate that flows get from now until then. */
function share(bottleneck: Bottleneck, endMs: number, ...flows: Flow[]): number[] {
  const before = flows.map((flow) => flow.deliveredBytes);
  const capacity = bottleneck.rateBytesPerMs * (endMs - bottleneck.now);
  bottleneck.runUntil(endMs);
  return flows.map((flow, i) => (flow.deliveredBytes - (before[i] ?? 0)) / capacity);
}

/** One flow alone: its share after 2 s, and the queue. */
function alone(options: Omit<BottleneckOptions, 'seed'>, seconds: number, turnMs = 1) {
  const bottleneck = path(options);
  const flow = bottleneck.addFlow(bbr(1), { turnMs });
  bottleneck.runUntil(2_000);
  bottleneck.takeQueueDelaysMs();
  const [used = 0] = share(bottleneck, 2_000 + seconds * 1_000, flow);
  const [median = 0, p99 = 0] = bottleneck.takeQueueDelaysMs(0.5, 0.99);
  return { used, median, p99, flow };
}

describe('Bbr alone', () => {
  it('fills 100 Mbit/s, with a small queue most of the time', () => {
    const { used, median } = alone(fast, 12);
    expect(used).toBeGreaterThan(0.97);
    expect(median).toBeLessThan(20);
  });

  it('fills 100 Mbit/s of which 1 % is lost', () => {
    expect(alone({ ...fast, lossShare: 0.01 }, 12).used).toBeGreaterThan(0.96);
  });

  it.each([
    ['a queue as long as the path', slow],
    ['a queue without an end', { ...slow, queueBytes: Infinity }],
  ])('lets a chat through 10 Mbit/s that a file fills, with %s', (_what, options) => {
    const { used, p99 } = alone(options, 20);
    expect(used).toBeGreaterThan(0.95);
    // 25 ms to the peer, 75 ms of queue and the turns of two event loops: far below 150 ms.
    expect(p99).toBeLessThan(90);
  });

  it.each([0.01, 0.05])('keeps 40 MB/s when %d of it is lost by chance', (lossShare) => {
    expect(alone({ ...wide, lossShare }, 6).used).toBeGreaterThan(0.9);
  });

  it('keeps most of 40 MB/s with 5 % lost where the queue is short', () => {
    expect(alone({ ...wide, queueBytes: 400_000, lossShare: 0.05 }, 6).used).toBeGreaterThan(0.85);
  });

  it('fills a path without a queue to speak of', () => {
    const { used, flow } = alone({ ...fast, queueBytes: 60_000 }, 10);
    expect(used).toBeGreaterThan(0.9);
    expect(flow.dropped * datagramBytes).toBeLessThan(0.03 * flow.sentBytes);
  });

  it('does not slow down when others hold the event loop for 10 ms a turn and more', () => {
    expect(alone(fast, 10, 10).used).toBeGreaterThan(0.95);
  });

  it('is done with a short round trip, where the timers are longer than the path', () => {
    const { used, p99 } = alone({ rateBytesPerMs: 50_000, queueBytes: 1_000_000, rttMs: 0.3 }, 4);
    expect(used).toBeGreaterThan(0.9);
    expect(p99).toBeLessThan(10);
  });

  it('follows a rate that falls to a tenth, and rises again', () => {
    const bottleneck = path(fast);
    const flow = bottleneck.addFlow(bbr(1));
    bottleneck.runUntil(4_000);
    bottleneck.rateBytesPerMs = 1_250;
    bottleneck.runUntil(12_000);
    bottleneck.takeQueueDelaysMs();
    expect(share(bottleneck, 22_000, flow)[0]).toBeGreaterThan(0.9);
    // The buffer holds 500 ms at this rate.
    expect(bottleneck.takeQueueDelaysMs(0.5)[0]).toBeLessThan(100);
    bottleneck.rateBytesPerMs = 12_500;
    bottleneck.runUntil(30_000);
    expect(share(bottleneck, 36_000, flow)[0]).toBeGreaterThan(0.9);
  });

  it('does not unlearn the path from an application that says little', () => {
    const bottleneck = path(fast);
    const flow = bottleneck.addFlow(bbr(1), {
      // All the path takes for 3 s, then 5 % of it for 20 s, then everything again.
      supplyBytes: (now) => {
        if (now < 3_000) return Infinity;
        if (now < 23_000) return saidBytes + (now - 3_000) * 625;
        return Infinity;
      },
    });
    let saidBytes = 0;
    bottleneck.runUntil(2_999);
    saidBytes = flow.sentBytes;
    bottleneck.runUntil(23_000);
    expect(flow.deliveredBytes - saidBytes).toBeGreaterThan(0.95 * 20_000 * 625);
    bottleneck.runUntil(23_060);
    // A round trip later the path is full again.
    expect(share(bottleneck, 24_000, flow)[0]).toBeGreaterThan(0.9);
  });

  it('is back at the rate at once after a pause, without a burst that overflows the queue', () => {
    const bottleneck = path({ ...fast, queueBytes: 200_000 });
    const flow = bottleneck.addFlow(bbr(1), { supplyBytes: (now) => (now >= 3_000 && now < 40_000 ? 0 : Infinity) });
    bottleneck.runUntil(40_000);
    const { dropped } = flow;
    expect(flow.bytesInFlight).toBe(0);
    // The first round trip, and the one in which its acknowledgements come; after that it may probe for more.
    bottleneck.runUntil(40_060);
    expect(share(bottleneck, 40_110, flow)[0]).toBeGreaterThan(0.9);
    expect(flow.dropped).toBe(dropped);
  });

  it('begins anew when the path was dead for 2 s', () => {
    const bottleneck = path(slow);
    const flow = bottleneck.addFlow(bbr(1));
    bottleneck.runUntil(3_000);
    bottleneck.lossShare = 1;
    bottleneck.runUntil(5_000);
    bottleneck.lossShare = 0;
    bottleneck.runUntil(7_500);
    expect(share(bottleneck, 12_000, flow)[0]).toBeGreaterThan(0.9);
  });
});

describe('two flows', () => {
  it.each([
    ['10 Mbit/s, ours first', slow, 0, 500],
    ['10 Mbit/s, theirs first', slow, 500, 0],
    ['100 Mbit/s, ours first', fast, 0, 500],
    ['100 Mbit/s, theirs first', fast, 500, 0],
    ['100 Mbit/s and a queue of twice the path', { ...fast, queueBytes: 1_250_000 }, 0, 0],
  ])('shares with CUBIC: %s', (_what, options, oursAt, theirsAt) => {
    const bottleneck = path(options);
    const ours = bottleneck.addFlow(bbr(1), { startsAt: oursAt });
    const theirs = bottleneck.addFlow(cubic(), { startsAt: theirsAt });
    bottleneck.runUntil(5_000);
    const [our = 0, their = 0] = share(bottleneck, 35_000, ours, theirs);
    expect(our + their).toBeGreaterThan(0.95);
    expect(our / (our + their)).toBeGreaterThan(0.25);
    expect(our / (our + their)).toBeLessThan(0.75);
  });

  it('keeps a share beside a flow that gives way to nobody', () => {
    const bottleneck = path(fast);
    const ours = bottleneck.addFlow(bbr(1));
    const theirs = bottleneck.addFlow(new FixedWindow(1_100_000), { startsAt: 500 });
    bottleneck.runUntil(5_000);
    const [our = 0, their = 0] = share(bottleneck, 35_000, ours, theirs);
    expect(our + their).toBeGreaterThan(0.95);
    expect(our / (our + their)).toBeGreaterThan(0.35);
  });

  it.each([
    ['10 Mbit/s', slow],
    ['100 Mbit/s', fast],
  ])('shares with another of its kind that comes later: %s', (_what, options) => {
    const bottleneck = path(options);
    const first = bottleneck.addFlow(bbr(1));
    const second = bottleneck.addFlow(bbr(2), { startsAt: 2_000 });
    bottleneck.runUntil(15_000);
    const [early = 0, late = 0] = share(bottleneck, 45_000, first, second);
    expect(early + late).toBeGreaterThan(0.95);
    expect(late / (early + late)).toBeGreaterThan(0.25);
    expect(late / (early + late)).toBeLessThan(0.75);
  });
});

describe('Cubic alone', () => {
  it('fills 100 Mbit/s without loss', () => {
    const bottleneck = path(fast);
    const flow = bottleneck.addFlow(cubic());
    bottleneck.runUntil(3_000);
    expect(share(bottleneck, 13_000, flow)[0]).toBeGreaterThan(0.95);
  });
});

it('says the same for the same seed', () => {
  const run = (seed: number): number[] => {
    const bottleneck = path({ ...slow, lossShare: 0.02 }, seed);
    const flow = bottleneck.addFlow(bbr(seed));
    bottleneck.runUntil(3_000);
    return [flow.deliveredBytes, flow.lost, flow.dropped];
  };
  expect(run(7)).toEqual(run(7));
  expect(run(7)).not.toEqual(run(8));
});
