import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TimerWheel, WheelEntry } from './timer-wheel.js';

const dayMs = 24 * 60 * 60 * 1_000;

function takeAll(wheel: TimerWheel<string>, now: number): string[] {
  const taken: string[] = [];
  for (let item = wheel.takeExpired(now); item !== undefined; item = wheel.takeExpired(now)) taken.push(item);
  return taken;
}

describe('TimerWheel', () => {
  it('gives what is due in order, each once', () => {
    const wheel = new TimerWheel<string>();
    const now = 1_700_000_000_000;
    const waits = { a: 30, b: 10, c: 70_000, d: 300, e: 20 };
    for (const [name, wait] of Object.entries(waits)) wheel.set(new WheelEntry(name), now + wait);
    expect(wheel.nextDeadline()).toBe(now + 10);
    expect(takeAll(wheel, now + 9.9)).toEqual([]);
    expect(takeAll(wheel, now + 25)).toEqual(['b', 'e']);
    expect(wheel.nextDeadline()).toBe(now + 30);
    expect(takeAll(wheel, now + 69_999.9)).toEqual(['a', 'd']);
    expect(wheel.nextDeadline()).toBe(now + 70_000);
    expect(takeAll(wheel, now + 70_000)).toEqual(['c']);
    expect(wheel.nextDeadline()).toBeUndefined();
  });

  it('keeps the fraction of a millisecond', () => {
    const wheel = new TimerWheel<string>();
    const entry = new WheelEntry('loss');
    expect(wheel.takeExpired(1_000)).toBeUndefined();
    wheel.set(entry, 1_000.75);
    expect(wheel.nextDeadline()).toBe(1_000.75);
    expect(wheel.takeExpired(1_000.74)).toBeUndefined();
    expect(wheel.takeExpired(1_000.75)).toBe('loss');
  });

  it('can be moved, stopped, and set again once it has expired', () => {
    const wheel = new TimerWheel<string>();
    const entry = new WheelEntry('loss');
    wheel.set(entry, 10);
    wheel.set(entry, 50);
    expect(wheel.nextDeadline()).toBe(50);
    expect(wheel.takeExpired(49)).toBeUndefined();
    wheel.set(entry, undefined);
    expect(wheel.nextDeadline()).toBeUndefined();
    expect(wheel.takeExpired(100)).toBeUndefined();
    wheel.set(entry, 200);
    expect(wheel.takeExpired(200)).toBe('loss');
    expect(entry.deadline).toBe(Infinity);
    wheel.set(entry, 200);
    expect(wheel.takeExpired(200)).toBe('loss');
  });

  it('finds the earlier of two in a millisecond that were set at different distances', () => {
    const wheel = new TimerWheel<string>();
    expect(wheel.takeExpired(0)).toBeUndefined();
    wheel.set(new WheelEntry('far'), 512.1);
    expect(wheel.takeExpired(300)).toBeUndefined();
    wheel.set(new WheelEntry('near'), 512.7);
    expect(takeAll(wheel, 512.2)).toEqual(['far']);
    expect(takeAll(wheel, 512.7)).toEqual(['near']);
  });

  it('moves on with the time it is told, so that what is near is in a fine slot', () => {
    const wheel = new TimerWheel<string>();
    wheel.takeExpired(1.7e12);
    wheel.takeExpired(1.7e12 + dayMs);
    const entry = new WheelEntry('loss');
    wheel.set(entry, 1.7e12 + dayMs + 255);
    expect(entry.slot).toBeLessThan(256);
  });

  it('takes a time that is past, before and after time has begun', () => {
    const wheel = new TimerWheel<string>();
    const [early, late] = [new WheelEntry('early'), new WheelEntry('late')];
    wheel.set(late, 5_000);
    wheel.set(early, 3);
    expect(takeAll(wheel, 1_000_000)).toEqual(['early', 'late']);
    wheel.set(late, 4);
    expect(wheel.nextDeadline()).toBe(4);
    expect(wheel.takeExpired(1_000_000)).toBe('late');
  });

  it('refuses what is no time', () => {
    const wheel = new TimerWheel<string>();
    expect(() => {
      wheel.set(new WheelEntry('x'), NaN);
    }).toThrow(RangeError);
    expect(() => {
      wheel.set(new WheelEntry('x'), -1);
    }).toThrow(RangeError);
  });

  it('jumps over years, in order, and goes on from there', () => {
    const wheel = new TimerWheel<string>();
    expect(wheel.takeExpired(1.7e12)).toBeUndefined();
    wheel.set(new WheelEntry('c'), 1.7e12 + 400 * dayMs);
    wheel.set(new WheelEntry('a'), 1.7e12 + 1);
    wheel.set(new WheelEntry('b'), 1.7e12 + 2 * dayMs);
    wheel.set(new WheelEntry('d'), 1.7e12 + 5_000 * dayMs);
    expect(takeAll(wheel, 1.7e12 + 3_000 * dayMs)).toEqual(['a', 'b', 'c']);
    wheel.set(new WheelEntry('e'), 1.7e12 + 3_000 * dayMs + 5);
    expect(wheel.nextDeadline()).toBe(1.7e12 + 3_000 * dayMs + 5);
    expect(takeAll(wheel, 1.7e12 + 6_000 * dayMs)).toEqual(['e', 'd']);
  });

  it('looks at no idle entry when an active one is moved and the next deadline asked for', () => {
    const wheel = new TimerWheel<number>();
    expect(wheel.takeExpired(0)).toBeUndefined();
    let reads = 0;
    class Watched extends WheelEntry<number> {
      constructor(item: number) {
        super(item);
        let deadline = Infinity;
        Object.defineProperty(this, 'deadline', {
          get: () => {
            reads += 1;
            return deadline;
          },
          set: (value: number) => {
            deadline = value;
          },
        });
      }
    }
    for (let i = 0; i < 2_000; i += 1) wheel.set(new Watched(i), 70_000 + i);
    const active = new WheelEntry(-1);
    expect(wheel.nextDeadline()).toBe(70_000);
    reads = 0;
    for (let now = 0; now < 30_000; now += 7.3) {
      wheel.set(active, now + (now % 1_000 < 500 ? 40 : 60_000));
      expect(wheel.nextDeadline()).toBe(Math.min(70_000, active.deadline));
      expect(wheel.takeExpired(now)).toBeUndefined();
    }
    expect(reads).toBe(0);
  });

  it('agrees with a sorted array, whatever is set and whenever it is asked', () => {
    const wait = fc.oneof(
      fc.integer({ min: 0, max: 300_000 }).map((value) => value / 1_000),
      fc.integer({ min: 200, max: 300 }),
      fc.double({ min: 0, max: 140_000, noNaN: true }),
      fc.constantFrom(255, 256, 257, 65_279, 65_280, 65_535, 65_536, 65_792, 16_711_680, 16_777_215, 16_777_216),
      fc.integer({ min: 0, max: 40_000_000 }),
      fc.integer({ min: 0, max: 10 * dayMs }),
    );
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('set' as const), index: fc.nat(11), wait }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('stop' as const), index: fc.nat(11) }) },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('advance' as const), wait }) },
    );
    const start = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 2e12, noNaN: true }), fc.constant(1.7e12));
    fc.assert(
      fc.property(start, fc.boolean(), fc.array(step, { maxLength: 80 }), (startAt, beginsFirst, steps) => {
        const wheel = new TimerWheel<number>();
        const entries = Array.from({ length: 12 }, (_, i) => new WheelEntry(i));
        const model = new Map<number, number>();
        let now = startAt;
        if (beginsFirst) expect(wheel.takeExpired(now)).toBeUndefined();
        for (const step of steps) {
          switch (step.kind) {
            case 'set':
              wheel.set(entries[step.index]!, now + step.wait);
              model.set(step.index, now + step.wait);
              break;
            case 'stop':
              wheel.set(entries[step.index]!, undefined);
              model.delete(step.index);
              break;
            case 'advance': {
              now += step.wait;
              const due = [...model].filter(([, deadline]) => deadline <= now);
              const taken: number[] = [];
              for (let item = wheel.takeExpired(now); item !== undefined; item = wheel.takeExpired(now)) {
                taken.push(item);
                expect(taken.length).toBeLessThanOrEqual(due.length);
              }
              expect([...taken].sort((a, b) => a - b)).toEqual(due.map(([index]) => index).sort((a, b) => a - b));
              const milliseconds = taken.map((index) => Math.floor(model.get(index) ?? NaN));
              expect(milliseconds).toEqual([...milliseconds].sort((a, b) => a - b));
              for (const index of taken) model.delete(index);
              break;
            }
          }
          expect(wheel.nextDeadline()).toBe(model.size === 0 ? undefined : Math.min(...model.values()));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('agrees with a sorted array when time goes on by the next deadline, as under a driver', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.double({ min: 0.001, max: 80_000, noNaN: true }), { minLength: 1, maxLength: 60 }), {
          minLength: 1,
          maxLength: 8,
        }),
        (waits) => {
          const wheel = new TimerWheel<number>();
          const entries = waits.map((_, i) => new WheelEntry(i));
          const rest = waits.map((list) => [...list]);
          const model = new Map<number, number>();
          let now = 1_000_000;
          entries.forEach((entry, i) => {
            const deadline = now + rest[i]!.pop()!;
            wheel.set(entry, deadline);
            model.set(i, deadline);
          });
          while (model.size > 0) {
            const next = Math.min(...model.values());
            expect(wheel.nextDeadline()).toBe(next);
            now = next;
            for (let item = wheel.takeExpired(now); item !== undefined; item = wheel.takeExpired(now)) {
              expect(model.get(item)).toBe(next);
              model.delete(item);
              const wait = rest[item]!.pop();
              if (wait === undefined) continue;
              wheel.set(entries[item]!, now + wait);
              model.set(item, now + wait);
            }
          }
          expect(wheel.nextDeadline()).toBeUndefined();
        },
      ),
    );
  });
});
