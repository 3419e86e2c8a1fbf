import { describe, expect, it } from '@jest/globals';
import { PathPair } from './path-pair.js';
import { relayAddress, routeOf, spareAddress } from './virtual-address.js';

const wan = { address: '203.0.113.9', port: 9 };
const pairOf = (address: string): PathPair => new PathPair({ address, port: 9 }, 'host');

/** A probe and its answer. */
function answered(pair: PathPair, at: number, rttMs = 10): void {
  pair.markSent(at);
  pair.markAnswered(at + rttMs, rttMs);
}

describe('a pair', () => {
  it('counts no loss before the way was open, and then what is not answered within a second', () => {
    const pair = pairOf(wan.address);
    for (const at of [0, 250, 600]) pair.markSent(at);
    expect(pair.loss(5_000)).toBeUndefined();
    pair.markSent(1_100);
    pair.markAnswered(1_150, 50);
    expect(pair.loss(5_000)).toBe(0);
    pair.markSent(2_000);
    expect(pair.loss(2_900)).toBe(0);
    expect(pair.loss(3_100)).toBe(0.5);
    pair.dataLoss = 0.01;
    expect(pair.loss(3_100)).toBe(0.01);
    expect(pair.report(3_100, true, false)).toMatchObject({ sent: 5, answered: 1, rttMs: 50, loss: 0.01, why: 'path' });
  });

  it('takes the shortest of the last four round trips', () => {
    const pair = pairOf(wan.address);
    [30, 50, 40, 45, 60].forEach((rttMs, i) => {
      answered(pair, i * 1_000, rttMs);
    });
    expect([pair.rttMs, pair.rttCount]).toEqual([40, 4]);
    pair.forgetAnswers();
    expect(pair.rttMs).toBeUndefined();
  });

  it('that was left returns after 3 s and four answers in a row', () => {
    const pair = pairOf(wan.address);
    expect(pair.leave(0, 1_000)).toBe(3_000);
    for (const at of [1_000, 2_000, 3_000]) answered(pair, at);
    expect(pair.isLeft(3_500)).toBe(true);
    pair.markSent(4_000);
    for (const at of [5_000, 6_000, 7_000]) answered(pair, at);
    expect(pair.isLeft(7_500)).toBe(true);
    answered(pair, 8_000);
    expect(pair.isLeft(8_500)).toBe(false);
  });

  it('that is left again soon stays away four times as long, and no longer than ten minutes', () => {
    const pair = pairOf(wan.address);
    const holds = [0, 1, 2, 3, 4, 5].map((i) => pair.leave(i * 1_000_000, 5_000) - i * 1_000_000);
    expect(holds).toEqual([3_000, 12_000, 48_000, 192_000, 600_000, 600_000]);
    expect(pair.leave(9_000_000, 60_000)).toBe(9_003_000);
  });

  it('has points for being near and for IPv6', () => {
    const points = ['127.0.0.1', '10.0.0.1', '203.0.113.9', 'fd00::1', '2001:db8::1'].map((ip) => pairOf(ip).points);
    expect(points).toEqual([50, 30, 20, 40, 30]);
    expect(new PathPair(relayAddress(7), 'relay').points).toBe(0);
    expect(new PathPair(spareAddress(3, wan), 'spare').points).toBe(20);
  });
});

describe('virtual addresses', () => {
  it('say which way they go', () => {
    expect(routeOf(relayAddress(7))).toEqual({ kind: 'relay', channel: 7 });
    expect(routeOf(spareAddress(17, wan))).toEqual({ kind: 'spare', socket: 17, to: wan });
    expect(spareAddress(17, wan)).toEqual({ address: 'via-17 203.0.113.9', port: 9 });
    expect(routeOf(wan)).toEqual({ kind: 'plain', to: wan });
  });
});
