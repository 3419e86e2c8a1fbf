import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MtuDiscovery, mtuDiscoveryLimits } from './mtu-discovery.js';

const minuteMs = 60_000;

/** A path that swallows what is larger than `pathBytes`, and a sender that always has something small to say. */
class Path {
  readonly mtu: MtuDiscovery;
  readonly probes: number[] = [];
  pathBytes: number;
  now = 1_000;
  #number = 0;

  constructor(maximum: number, pathBytes = maximum) {
    this.mtu = new MtuDiscovery(maximum);
    this.pathBytes = pathBytes;
  }

  /** One round trip with an ordinary packet of so many bytes that arrives, and a probe if one is wanted. */
  roundTrip(bytes = 1_100): void {
    this.now += 50;
    this.mtu.onPacketAcknowledged(this.#number++, bytes);
    const probeBytes = this.mtu.probeBytes(this.now);
    if (probeBytes === undefined) return;
    this.probes.push(probeBytes);
    const number = this.#number++;
    this.mtu.onProbeSent(number, probeBytes);
    expect(this.mtu.probeBytes(this.now)).toBeUndefined();
    this.now += 50;
    if (probeBytes <= this.pathBytes) this.mtu.onProbeAcknowledged(this.now, number);
    else this.mtu.onProbeLost(this.now, number, false);
  }

  /** Until the search has ended. */
  settle(): void {
    for (let i = 0; i < 20_000 && this.mtu.isSearching; i += 1) this.roundTrip();
    expect(this.mtu.isSearching).toBe(false);
  }

  /** A packet of this size and, behind it, a small one. */
  send(bytes: number): void {
    this.now += 50;
    const [large, small] = [this.#number++, this.#number++];
    this.mtu.onPacketAcknowledged(small, 100);
    if (bytes <= this.pathBytes) this.mtu.onPacketAcknowledged(large, bytes);
    else this.mtu.onPacketLost(this.now, large, bytes);
  }

  takeNumbers(count: number): number[] {
    return Array.from({ length: count }, () => this.#number++);
  }
}

describe('MtuDiscovery', () => {
  it('says nothing before something has arrived, and then tries the largest', () => {
    const { mtu } = new Path(65_000);
    expect(mtu.datagramBytes).toBe(1_200);
    expect(mtu.probeBytes(0)).toBeUndefined();
    mtu.onPacketAcknowledged(0, 60);
    expect(mtu.probeBytes(1)).toBe(65_000);
    mtu.onProbeSent(1, 65_000);
    mtu.onProbeAcknowledged(2, 1);
    expect(mtu.datagramBytes).toBe(65_000);
    mtu.onPacketAcknowledged(2, 65_000);
    expect(mtu.probeBytes(100 * minuteMs)).toBeUndefined();
  });

  it('learns nothing from a probe that is lost beside others: a queue that overflows has room for what is small', () => {
    const { mtu } = new Path(65_000);
    let number = 0;
    for (let losses = 0; losses < 8; losses += 1) {
      for (let i = 0; i < 500; i += 1) mtu.onPacketAcknowledged((number += 1), 1_200);
      expect(mtu.probeBytes(number)).toBe(65_000);
      mtu.onProbeSent((number += 1), 65_000);
      const probe = number;
      if (losses % 2 === 0) mtu.onPacketLost(number, (number += 1), 1_200);
      mtu.onProbeLost(number, probe, losses % 2 === 1);
    }
    for (let i = 0; i < 500; i += 1) mtu.onPacketAcknowledged((number += 1), 1_200);
    mtu.onProbeSent((number += 1), 65_000);
    mtu.onProbeAcknowledged(number, number);
    expect(mtu.datagramBytes).toBe(65_000);
  });

  it('but on a path that loses all the time, it does after a while', () => {
    const { mtu } = new Path(1_452);
    let number = 0;
    let probes = 0;
    while (mtu.isSearching && probes < 1_000) {
      for (let i = 0; i < 10; i += 1) mtu.onPacketAcknowledged((number += 1), 1_200);
      const bytes = mtu.probeBytes(number);
      if (bytes === undefined) continue;
      probes += 1;
      mtu.onProbeSent((number += 1), bytes);
      if (bytes <= 1_300) mtu.onProbeAcknowledged(number, number);
      else mtu.onProbeLost(number, number, true);
    }
    expect(mtu.datagramBytes).toBeGreaterThan(1_280);
    expect(mtu.datagramBytes).toBeLessThanOrEqual(1_300);
    expect(probes).toBeLessThan(80);
  });

  it('gives a size three chances, each after more traffic', () => {
    const path = new Path(1_452, 1_300);
    path.roundTrip();
    expect(path.probes).toEqual([1_452]);
    path.roundTrip(1_200);
    expect(path.probes).toHaveLength(1);
    path.settle();
    expect(path.probes.slice(0, 4)).toEqual([1_452, 1_452, 1_452, 1_372]);
    expect(path.mtu.datagramBytes).toBeGreaterThan(1_300 - mtuDiscoveryLimits.precisionBytes);
    expect(path.mtu.isSearching).toBe(false);
  });

  it('finds PPPoE behind Ethernet with few probes', () => {
    const path = new Path(1_452, 1_444);
    path.settle();
    expect(path.mtu.datagramBytes).toBe(1_444);
    expect(path.probes).toEqual([1_452, 1_452, 1_452, 1_372, 1_392, 1_444]);
  });

  it('comes within 20 bytes of what any path carries, with few probes, and never sends larger', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1_200, max: 65_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (maximum, share) => {
          const pathBytes = Math.floor(1_200 + (maximum - 1_200) * share);
          const path = new Path(maximum, pathBytes);
          path.settle();
          expect(path.mtu.datagramBytes).toBeLessThanOrEqual(pathBytes);
          expect(path.mtu.datagramBytes).toBeGreaterThanOrEqual(
            Math.max(1_200, pathBytes - mtuDiscoveryLimits.precisionBytes),
          );
          expect(path.probes.length).toBeLessThanOrEqual(3 * 16);
          expect(Math.max(0, ...path.probes)).toBeLessThanOrEqual(maximum);
        },
      ),
    );
  });

  it('costs at most a quarter of the traffic while probes are lost', () => {
    const path = new Path(65_000, 1_200);
    for (let i = 0; i < 1_000; i += 1) path.roundTrip();
    const probed = path.probes.reduce((sum, bytes) => sum + bytes, 0);
    // One probe is on its way before it is known that they are lost.
    expect(probed).toBeLessThanOrEqual((1_000 * 1_100) / mtuDiscoveryLimits.lostProbeSpacing + 65_000);
  });

  it('searches upward again after ten minutes, when there is traffic', () => {
    const path = new Path(1_452, 1_372);
    path.settle();
    const { length } = path.probes;
    path.pathBytes = 1_452;
    path.now += 8 * minuteMs;
    for (let i = 0; i < 10; i += 1) path.roundTrip();
    expect(path.probes).toHaveLength(length);
    path.now += 2 * minuteMs;
    path.roundTrip();
    expect(path.probes.slice(length)).toEqual([1_452]);
    expect(path.mtu.datagramBytes).toBe(1_452);
  });

  it('falls back to the base when only smaller packets get through, and searches again after a minute', () => {
    const path = new Path(1_452);
    path.settle();
    path.pathBytes = 1_400;
    path.send(1_452);
    path.send(1_452);
    expect(path.mtu.datagramBytes).toBe(1_452);
    path.send(1_452);
    expect(path.mtu.datagramBytes).toBe(1_200);
    const { length } = path.probes;
    path.roundTrip();
    expect(path.probes).toHaveLength(length);
    path.now += minuteMs;
    path.settle();
    expect(path.mtu.datagramBytes).toBe(1_392);
  });

  it('falls from the base to the floor, and no lower', () => {
    const path = new Path(1_200, 1_124);
    for (let i = 0; i < 3; i += 1) path.send(1_150);
    expect(path.mtu.datagramBytes).toBe(1_100);
    path.pathBytes = 500;
    for (let i = 0; i < 9; i += 1) path.send(1_100);
    expect(path.mtu.datagramBytes).toBe(1_100);
  });

  it('does not mistake congestion for a black hole', () => {
    const path = new Path(1_452);
    path.settle();
    for (let round = 0; round < 20; round += 1) {
      path.now += 50;
      // Many lost in a row, nothing behind them but something small, and then large ones again.
      const numbers = path.takeNumbers(40);
      path.mtu.onPacketAcknowledged(path.takeNumbers(1)[0]!, 60);
      for (const number of numbers) path.mtu.onPacketLost(path.now, number, 1_452);
      // Lost before something as large that did arrive: no suspicion at all.
      const [lost, arrived] = path.takeNumbers(2);
      path.mtu.onPacketAcknowledged(arrived!, 1_452);
      path.mtu.onPacketLost(path.now, lost!, 1_452);
    }
    expect(path.mtu.datagramBytes).toBe(1_452);
  });

  it('sees losses in the light of what arrived, whenever they show', () => {
    const path = new Path(1_452);
    path.settle();
    const lateLosses = (bytes: number): void => {
      const numbers = path.takeNumbers(4);
      path.mtu.onPacketAcknowledged(numbers[3]!, bytes);
      for (const number of numbers.slice(0, 3)) path.mtu.onPacketLost((path.now += 1), number, bytes);
    };
    lateLosses(1_452);
    expect(path.mtu.datagramBytes).toBe(1_452);
    // From here on packets are smaller: one suspicion, and it is known what is sent now.
    const [lost, arrived] = path.takeNumbers(2);
    path.mtu.onPacketLost((path.now += 1), lost!, 1_300);
    path.mtu.onPacketAcknowledged(arrived!, 1_300);
    lateLosses(1_300);
    expect(path.mtu.datagramBytes).toBe(1_452);
  });

  it('forgets its suspicion when as much as the smallest suspect gets through', () => {
    const path = new Path(1_452);
    path.settle();
    const [a, b, arrived, c] = path.takeNumbers(4);
    path.mtu.onPacketLost((path.now += 1), a!, 1_452);
    path.mtu.onPacketLost((path.now += 1), b!, 1_300);
    path.mtu.onPacketAcknowledged(arrived!, 1_300);
    path.mtu.onPacketLost((path.now += 1), c!, 1_452);
    expect(path.mtu.datagramBytes).toBe(1_452);
  });

  it('is not reassured by packets that are smaller than the lost, or older', () => {
    const path = new Path(1_452);
    path.settle();
    path.pathBytes = 1_400;
    const [old] = path.takeNumbers(1);
    for (let i = 0; i < 3; i += 1) {
      path.send(1_452);
      path.send(1_300);
      path.mtu.onPacketAcknowledged(old!, 1_452);
    }
    expect(path.mtu.datagramBytes).toBe(1_200);
  });

  it('does not count small packets that are lost, nor those larger than what is sent now', () => {
    const path = new Path(1_452, 50);
    for (let i = 0; i < 9; i += 1) path.send(1_100);
    for (let i = 0; i < 9; i += 1) path.send(1_452);
    expect(path.mtu.datagramBytes).toBe(1_200);
  });

  it('tries smaller ones when nothing comes back at all, and the large again as soon as anything does', () => {
    const path = new Path(65_000);
    path.settle();
    path.mtu.onTimeoutExpired(path.now, 1);
    path.mtu.onTimeoutExpired(path.now, 2);
    expect(path.mtu.datagramBytes).toBe(65_000);
    path.mtu.onTimeoutExpired(path.now, 3);
    expect(path.mtu.datagramBytes).toBe(1_200);
    path.mtu.onTimeoutExpired(path.now, 4);
    expect(path.mtu.datagramBytes).toBe(1_200);
    path.mtu.onTimeoutExpired(path.now, 5);
    expect(path.mtu.datagramBytes).toBe(1_100);
    expect(path.mtu.probeBytes(path.now)).toBeUndefined();
    path.roundTrip();
    expect(path.mtu.datagramBytes).toBe(65_000);
  });

  it('begins anew on another path, and ignores a probe of the one before', () => {
    const path = new Path(1_452);
    path.mtu.onPacketAcknowledged(0, 100);
    path.mtu.onProbeSent(1, path.mtu.probeBytes(0)!);
    path.mtu.reset();
    path.mtu.onProbeAcknowledged(10, 1);
    expect(path.mtu.datagramBytes).toBe(1_200);
    expect(path.mtu.probeBytes(10)).toBeUndefined();
    path.settle();
    expect(path.mtu.datagramBytes).toBe(1_452);
  });

  it('follows the interface, down at once and up by probing', () => {
    const path = new Path(65_000);
    path.settle();
    path.mtu.setMaximum(1_452);
    expect(path.mtu.datagramBytes).toBe(1_452);
    path.mtu.setMaximum(1_150);
    expect(path.mtu.datagramBytes).toBe(1_150);
    path.mtu.setMaximum(200);
    expect(path.mtu.datagramBytes).toBe(1_100);
    path.mtu.setMaximum(8_952);
    expect(path.mtu.datagramBytes).toBe(1_100);
    path.roundTrip();
    expect(path.mtu.datagramBytes).toBe(8_952);
  });

  it('keeps within its bounds whatever happens', () => {
    const size = fc.integer({ min: 1, max: 70_000 });
    const event = fc.oneof(
      fc.record({ kind: fc.constant('probe' as const), arrives: fc.boolean() }),
      fc.record({ kind: fc.constant('acknowledged' as const), bytes: size }),
      fc.record({ kind: fc.constant('lost' as const), bytes: size }),
      fc.record({ kind: fc.constant('timeout' as const), count: fc.integer({ min: 1, max: 8 }) }),
      fc.record({ kind: fc.constant('maximum' as const), bytes: size }),
      fc.record({ kind: fc.constant('reset' as const) }),
    );
    fc.assert(
      fc.property(size, fc.array(event, { maxLength: 100 }), (maximum, events) => {
        const mtu = new MtuDiscovery(maximum);
        let bound = Math.max(maximum, 1_100);
        let now = 0;
        let number = 0;
        for (const event of events) {
          now += 10_000;
          number += 1;
          switch (event.kind) {
            case 'probe': {
              const bytes = mtu.probeBytes(now);
              if (bytes === undefined) break;
              expect(bytes).toBeGreaterThan(mtu.datagramBytes);
              expect(bytes).toBeLessThanOrEqual(bound);
              mtu.onProbeSent(number, bytes);
              if (event.arrives) mtu.onProbeAcknowledged(now, number);
              else mtu.onProbeLost(now, number, number % 2 === 0);
              break;
            }
            case 'acknowledged':
              mtu.onPacketAcknowledged(number, event.bytes);
              break;
            case 'lost':
              mtu.onPacketLost(now, number, event.bytes);
              break;
            case 'timeout':
              mtu.onTimeoutExpired(now, event.count);
              break;
            case 'maximum':
              bound = Math.max(event.bytes, 1_100);
              mtu.setMaximum(event.bytes);
              break;
            case 'reset':
              mtu.reset();
              break;
          }
          expect(mtu.datagramBytes).toBeGreaterThanOrEqual(1_100);
          expect(mtu.datagramBytes).toBeLessThanOrEqual(bound);
          expect(Number.isInteger(mtu.datagramBytes)).toBe(true);
        }
      }),
    );
  });
});
