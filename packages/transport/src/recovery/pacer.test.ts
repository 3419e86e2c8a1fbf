import { describe, expect, it } from '@jest/globals';
import { Pacer } from './pacer.js';

/** Sends whenever it may, waking `lateMs` after the time that the pacer asks for. @returns bytes sent from 0 to `endMs` */
function drive(pacer: Pacer, bytes: number, endMs: number, lateMs: number): number {
  let now = 0;
  let sent = 0;
  while (now < endMs) {
    const next = pacer.nextSendAt(now);
    if (next > now) {
      now = next + lateMs;
      continue;
    }
    pacer.onSent(now, bytes);
    sent += bytes;
  }
  return sent;
}

describe('Pacer', () => {
  it('holds nothing back before there is a rate', () => {
    const pacer = new Pacer(1_200);
    for (let i = 0; i < 1_000; i += 1) pacer.onSent(5, 1_200);
    expect(pacer.nextSendAt(5)).toBe(5);
  });

  it('lets an initial window leave at once, then one datagram after another', () => {
    const pacer = new Pacer(1_200);
    pacer.setRate(120);
    let burst = 0;
    for (; pacer.nextSendAt(100) === 100; burst += 1) pacer.onSent(100, 1_200);
    expect(burst).toBe(10);
    expect(pacer.nextSendAt(100)).toBeCloseTo(110, 1);
    expect(pacer.nextSendAt(109.9)).toBeGreaterThan(109.9);
    expect(pacer.nextSendAt(110)).toBe(110);
  });

  it('has bursts of 3 ms of a high rate, and of two datagrams at least', () => {
    const pacer = new Pacer(1_452);
    pacer.setRate(68_000);
    expect(pacer.burstBytes).toBe(204_000);
    const jumbo = new Pacer(65_000);
    jumbo.setRate(10);
    expect(jumbo.burstBytes).toBe(130_000);
    jumbo.onDatagramSizeChanged(1_200);
    expect(jumbo.burstBytes).toBe(12_000);
  });

  it.each([0, 1, 5, 20])('keeps the rate when each wake-up is %d ms late', (lateMs) => {
    const pacer = new Pacer(1_452);
    pacer.setRate(12_500);
    const sent = drive(pacer, 1_452, 2_000, lateMs);
    expect(sent).toBeGreaterThan(12_500 * 2_000 * 0.99);
    expect(sent).toBeLessThan(12_500 * (2_000 + 2 * (lateMs + 3)));
  });

  it('does not catch up more than 25 ms', () => {
    const pacer = new Pacer(1_000);
    pacer.setRate(1_000);
    for (; pacer.nextSendAt(0) === 0;) pacer.onSent(0, 1_000);
    let burst = 0;
    for (; pacer.nextSendAt(500) === 500; burst += 1) pacer.onSent(500, 1_000);
    expect(burst).toBe(10 + 25);
  });

  it.each([5, 10])('gives nothing for time in which nobody wanted to send, after %d datagrams', (count) => {
    const pacer = new Pacer(1_000);
    pacer.setRate(1_000);
    for (let i = 0; i < count; i += 1) pacer.onSent(0, 1_000);
    // After ten the pacer asks to come back, and then there is nothing to send after all.
    expect(pacer.nextSendAt(0) > 0).toBe(count === 10);
    pacer.onIdle();
    let burst = 0;
    for (; pacer.nextSendAt(500) === 500; burst += 1) pacer.onSent(500, 1_000);
    expect(burst).toBe(10);
  });

  it('makes what leaves without asking a debt, of one burst at most', () => {
    const pacer = new Pacer(1_000);
    pacer.setRate(100);
    for (let i = 0; i < 100; i += 1) pacer.onSent(0, 1_000);
    expect(pacer.nextSendAt(0)).toBeCloseTo(110, 1);
  });

  it('refuses a rate of nothing', () => {
    expect(() => {
      new Pacer(1_000).setRate(0);
    }).toThrow(RangeError);
    expect(() => {
      new Pacer(1_000).setRate(NaN);
    }).toThrow(RangeError);
  });
});
