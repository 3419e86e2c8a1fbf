import { describe, expect, it } from '@jest/globals';
import { initialWindowBytes, minimumWindowBytes, NewReno } from './new-reno.js';

const acknowledged = { now: 100, bytes: 1_200, sentAt: 50, appLimited: false };

describe('NewReno', () => {
  it('begins with ten packets and doubles a round trip', () => {
    const reno = new NewReno();
    expect(reno.windowBytes).toBe(12_000);
    for (let i = 0; i < 10; i += 1) reno.onAcknowledged(acknowledged);
    expect(reno.windowBytes).toBe(24_000);
  });

  it('does not grow when there was little to send', () => {
    const reno = new NewReno();
    reno.onAcknowledged({ ...acknowledged, appLimited: true });
    expect(reno.windowBytes).toBe(initialWindowBytes);
  });

  it('halves once for all losses of one round trip, and then grows by one packet a window', () => {
    const reno = new NewReno();
    const loss = { now: 100, bytes: 1_200, newestSentAt: 60, persistentCongestion: false };
    reno.onLost(loss);
    reno.onLost({ ...loss, now: 110, newestSentAt: 90 });
    expect(reno.windowBytes).toBe(6_000);
    // Sent before the loss was known: says nothing about the new window.
    reno.onAcknowledged({ ...acknowledged, sentAt: 99 });
    for (let i = 0; i < 5; i += 1) reno.onAcknowledged({ ...acknowledged, sentAt: 101 });
    expect(reno.windowBytes).toBe(7_200);
    reno.onLost({ ...loss, now: 200, newestSentAt: 150 });
    expect(reno.windowBytes).toBe(3_600);
  });

  it('never goes below two packets', () => {
    const reno = new NewReno();
    for (let at = 1; at < 20; at += 1) {
      reno.onLost({ now: at * 10, bytes: 1, newestSentAt: at * 10 - 1, persistentCongestion: false });
    }
    expect(reno.windowBytes).toBe(minimumWindowBytes);
  });

  it('begins anew after persistent congestion', () => {
    const reno = new NewReno();
    reno.onLost({ now: 100, bytes: 1, newestSentAt: 60, persistentCongestion: true });
    expect(reno.windowBytes).toBe(minimumWindowBytes);
    reno.onAcknowledged({ ...acknowledged, sentAt: 50 });
    expect(reno.windowBytes).toBe(minimumWindowBytes + 1_200);
  });

  it('stops where no more could be in flight', () => {
    const reno = new NewReno();
    for (let i = 0; i < 2_000; i += 1) reno.onAcknowledged(acknowledged);
    expect(reno.windowBytes).toBe(1024 * 1024);
  });
});
