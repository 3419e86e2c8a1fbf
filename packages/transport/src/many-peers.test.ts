/** What many peers cost, idle or hostile; memory is measured in processes of their own. */
import { describe, expect, it, jest } from '@jest/globals';
import { Link } from './link.js';
import { keyLimits } from './session/key-limits.js';
import { measured } from './testing/measure/measured.js';
import { numbered, numbersOf, SimulatedPair, upTo } from './testing/simulated-pair.js';

const timeLimitMs = 120_000;

describe('2,000 idle peers', () => {
  it(
    'cost no packets and 8 KB each, with keys and when they have expired',
    () => {
      const report = measured('idle-links', 2_000);
      expect(report.established).toBe(4_000);
      expect(report.packets).toBe(0);
      expect(report.withKeysBytes).toBeLessThanOrEqual(8 * 1024);
      expect(report.withoutKeysBytes).toBeLessThanOrEqual(report.withKeysBytes);
    },
    timeLimitMs,
  );
});

describe('100 hostile peers', () => {
  it(
    'make us hold 1 MiB each at most, whatever they do',
    () => {
      const report = measured('hostile-peers', 100);
      expect(Object.keys(report.heldBytes).length).toBe(6);
      for (const heldBytes of Object.values(report.heldBytes)) expect(heldBytes).toBeLessThanOrEqual(1024 * 1024);
      expect(report.residentBytes).toBeLessThanOrEqual(1024 * 1024);
      expect(report.mostReceiveBytes).toBeLessThanOrEqual(1024 * 1024);
      // They have kept to the rules, so far as rules there are.
      expect(report.ended).toBe(0);
    },
    timeLimitMs,
  );
});

describe('a link at rest', () => {
  it('wakes nobody before its keys expire', () => {
    const pair = new SimulatedPair({ seed: 1 });
    pair.establish();
    for (const { link } of pair.sides) link.send(numbered(0, 100));
    pair.network.run(10_000);
    const createdAt = pair.sides.map(({ link }) => pair.network.now - link.status(pair.network.now).keys.ageMs!);
    const expireAt = createdAt.map((at) => at + keyLimits.rejectAfterMs);
    expect(pair.sides.map(({ endpoint }) => endpoint.nextTimeout())).toEqual(expireAt);
    const timeouts = jest.spyOn(Link.prototype, 'handleTimeout');
    const looks = jest.spyOn(Link.prototype, 'nextTimeout');
    for (const { endpoint } of pair.sides) {
      endpoint.handleTimeout(pair.network.now + 1_000);
      endpoint.nextTimeout();
    }
    expect([timeouts.mock.calls.length, looks.mock.calls.length]).toEqual([0, 0]);
    pair.network.run(keyLimits.rejectAfterMs);
    expect(timeouts.mock.calls.length).toBe(2);
    expect(pair.sides.map(({ endpoint }) => endpoint.nextTimeout())).toEqual([undefined, undefined]);
  });

  it.each([0, 0.2])('goes on where it was, again and again (loss %d)', (loss) => {
    const pair = new SimulatedPair({ seed: 2, conditions: { loss, jitterMs: 20 } });
    pair.establish();
    // From a moment to several rests, and to keys that are gone.
    const pausesMs = [1, 100, 4_000, 6_000, 1, 11_000, 61_000, 3, 190_000, 7_000];
    for (const [turn, pauseMs] of pausesMs.entries()) {
      for (const { link } of pair.sides) for (let i = 0; i < 5; i += 1) link.send(numbered(5 * turn + i, 700));
      pair.network.run(pauseMs);
    }
    pair.network.run(20_000);
    for (const { messages } of pair.sides) expect(numbersOf(messages)).toEqual(upTo(5 * pausesMs.length));
  });
});
