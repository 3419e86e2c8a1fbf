import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ReplayWindow, replayWindowSize } from './replay-window.js';

function windowWith(...counters: number[]): ReplayWindow {
  const window = new ReplayWindow();
  for (const counter of counters) window.mark(counter);
  return window;
}

describe('ReplayWindow', () => {
  it('has the size of the specification', () => {
    expect(replayWindowSize).toBe(8_128);
  });

  it('takes zero once', () => {
    const window = new ReplayWindow();
    expect(window.highest).toBe(-1);
    expect(window.accepts(0)).toBe(true);
    window.mark(0);
    expect(window.accepts(0)).toBe(false);
    expect(window.highest).toBe(0);
  });

  it('takes the lowest counter of the window, and nothing below', () => {
    const top = 100_000;
    const window = windowWith(top);
    expect(window.accepts(top - replayWindowSize + 1)).toBe(true);
    expect(window.accepts(top - replayWindowSize)).toBe(false);
    window.mark(top - replayWindowSize + 1);
    expect(window.accepts(top - replayWindowSize + 1)).toBe(false);
    expect(window.accepts(top - replayWindowSize + 2)).toBe(true);
  });

  it('loses the lowest counter when the top moves by one', () => {
    const window = windowWith(replayWindowSize - 1);
    expect(window.accepts(0)).toBe(true);
    window.mark(replayWindowSize);
    expect(window.accepts(0)).toBe(false);
    expect(window.accepts(1)).toBe(true);
  });

  it.each([31, 32, 33, 8_127, 8_128, 8_159, 8_160, 8_161, 8_191, 8_192, 8_193, 2 ** 32, 2 ** 40, 2 ** 53 - 1])(
    'jumps from 0 to %i without taking an old counter for a new one',
    (top) => {
      const window = windowWith(0, top);
      expect(window.accepts(top)).toBe(false);
      expect(window.accepts(0)).toBe(false);
      expect(window.accepts(top - 1)).toBe(true);
      expect(window.highest).toBe(top);
    },
  );

  it('does not mistake a bit of an earlier turn of the ring', () => {
    const window = windowWith(5);
    for (let top = 1_000; top <= 40_000; top += 1_000) window.mark(top);
    for (let turn = 1; turn <= 4; turn += 1) {
      const counter = 5 + turn * 8_192;
      if (counter > window.highest - replayWindowSize) expect(window.accepts(counter)).toBe(true);
    }
  });

  it('that has forgotten takes nothing up to its highest counter, and all above as before', () => {
    for (const top of [0, 31, 32, 100, 10_000, 2 ** 40]) {
      const window = windowWith(...(top > 0 ? [0, top] : [0]));
      window.forget();
      window.forget();
      expect(window.highest).toBe(top);
      for (const counter of [top, top - 1, top - 50, top - 8_000]) expect(window.accepts(counter)).toBe(false);
      for (const counter of [top + 1, top + 40, top + 3, top + 9_000]) {
        expect(window.accepts(counter)).toBe(true);
        window.mark(counter);
        expect(window.accepts(counter)).toBe(false);
      }
      expect([top, top + 2, top + 872].map((counter) => window.accepts(counter))).toEqual([false, false, false]);
      expect([top + 873, top + 8_999].map((counter) => window.accepts(counter))).toEqual([true, true]);
    }
  });

  it('agrees with a plain set, whatever comes in whatever order', () => {
    const forget = 'forget' as const;
    const step = fc.oneof(
      { weight: 1, arbitrary: fc.constant(forget) },
      { weight: 9, arbitrary: fc.integer({ min: -9_000, max: 40 }) },
      { weight: 9, arbitrary: fc.integer({ min: 0, max: 70 }) },
      { weight: 9, arbitrary: fc.integer({ min: 8_000, max: 8_300 }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const window = new ReplayWindow();
        const seen = new Set<number>();
        let highest = -1;
        let forgotten = -1;
        for (const delta of steps) {
          if (delta === forget) {
            window.forget();
            forgotten = highest;
            continue;
          }
          const counter = Math.max(0, highest + delta);
          const fresh = !seen.has(counter) && counter > highest - replayWindowSize && counter > forgotten;
          expect(window.accepts(counter)).toBe(fresh);
          if (!fresh) continue;
          window.mark(counter);
          seen.add(counter);
          highest = Math.max(highest, counter);
        }
      }),
    );
  });
});
