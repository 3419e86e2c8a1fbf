import { describe, expect, it } from '@jest/globals';
import { NetworkRates } from './network-rates.js';

describe('the rates of networks', () => {
  it('are one for all of a network, and another for another', () => {
    let now = 0;
    const rates = new NetworkRates({ burst: 2, perSecond: 1 }, () => now);
    const six = '2001:db8:1:2';
    for (const [one, other, stranger] of [
      ['192.0.2.1', '192.0.2.1', '192.0.2.2'],
      [`${six}::1`, `${six}:a:b:c:d`, '2001:db8:1:3::1'],
    ] as const) {
      expect([rates.take(one), rates.take(other), rates.take(one), rates.take(other)]).toEqual([0, 0, 1_000, 1_000]);
      expect(rates.take(stranger)).toBe(0);
      now += 1_000;
      expect([rates.take(other), rates.take(one)]).toEqual([0, 1_000]);
    }
  });

  it('remember only so many networks, and forget the one that was silent for the longest time', () => {
    const rates = new NetworkRates({ burst: 1, perSecond: 1 }, () => 0);
    const network = (n: number): string => `10.0.${String(n >> 8)}.${String(n & 255)}`;
    for (let n = 0; n < 4_096; n += 1) expect(rates.take(network(n))).toBe(0);
    // Not silent any more.
    expect(rates.take(network(0))).toBeGreaterThan(0);
    expect(rates.take('192.0.2.1')).toBe(0);
    expect(rates.take(network(0))).toBeGreaterThan(0);
    expect(rates.take(network(2))).toBeGreaterThan(0);
    // As one that is new.
    expect(rates.take(network(1))).toBe(0);
  });
});
