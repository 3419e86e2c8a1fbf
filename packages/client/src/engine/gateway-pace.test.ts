import { expect, it } from '@jest/globals';
import { rates } from '@parley/protocol';
import { GatewayPace } from './gateway-pace.js';

it('lets a burst through at once, and then no more than the server takes', async () => {
  let nowMs = 1_000;
  let timers: { atMs: number; go: () => void }[] = [];
  const sent: { atMs: number; characters: number }[] = [];
  const pace = new GatewayPace(
    {
      call: (_, { frames }) => {
        sent.push({ atMs: nowMs, characters: frames.join('').length });
        return Promise.resolve({ received: 0 });
      },
    },
    {
      nowMs: () => nowMs,
      after: (delayMs, go) => {
        timers.push({ atMs: nowMs + delayMs, go });
        return () => undefined;
      },
    },
  );
  const frames = ['x'.repeat(24_000), 'y'.repeat(24_000)];
  const calls = Array.from({ length: 40 }, () =>
    pace.call('gateway.send', { peer: 'bob', conversation: 'c', first: 1, frames, received: 0, resume: false }),
  );
  await new Promise((resolve) => setImmediate(resolve));
  const atOnce = sent.length;
  expect(atOnce).toBeGreaterThan(1);
  expect(atOnce * 48).toBeLessThan(rates.gateway.burst);
  while (timers.length > 0) {
    timers = timers.sort((a, b) => a.atMs - b.atMs);
    const next = timers.shift();
    nowMs = next?.atMs ?? nowMs;
    next?.go();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(calls);
  expect(sent).toHaveLength(40);
  const seconds = (nowMs - 1_000) / 1_000;
  const kibibytes = (sent.length - atOnce) * (48_000 / 1_024);
  expect(kibibytes / seconds).toBeLessThan(rates.gateway.perSecond);
  expect(kibibytes / seconds).toBeGreaterThan(rates.gateway.perSecond / 2);
});
