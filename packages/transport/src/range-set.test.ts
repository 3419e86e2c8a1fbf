import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RangeSet } from './range-set.js';

function membersOf(set: RangeSet): number[] {
  return set.ascending().flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i));
}

describe('RangeSet', () => {
  it('joins ranges that touch', () => {
    const set = new RangeSet();
    set.add(0, 2);
    set.add(4, 6);
    set.add(2, 4);
    expect(set.ascending()).toEqual([{ start: 0, end: 6 }]);
  });

  it('cuts a range in two', () => {
    const set = new RangeSet();
    set.add(0, 10);
    set.remove(4, 6);
    expect(set.ascending()).toEqual([
      { start: 0, end: 4 },
      { start: 6, end: 10 },
    ]);
    expect(set.first).toEqual({ start: 0, end: 4 });
    expect(set.last).toEqual({ start: 6, end: 10 });
  });

  it('knows what would make a new range', () => {
    const set = new RangeSet();
    set.add(10, 20);
    expect([
      set.touches(0, 9),
      set.touches(0, 10),
      set.touches(12, 14),
      set.touches(20, 25),
      set.touches(21, 25),
    ]).toEqual([false, true, true, true, false]);
  });

  it('knows what is in it, whole or in part', () => {
    const set = new RangeSet();
    set.add(10, 20);
    set.add(30, 40);
    const asked: [number, number][] = [
      [10, 20],
      [9, 11],
      [19, 21],
      [20, 30],
      [15, 35],
      [39, 40],
      [40, 41],
    ];
    expect(asked.map(([start, end]) => set.has(start, end))).toEqual([true, false, false, false, false, true, false]);
    expect(asked.map(([start, end]) => set.overlaps(start, end))).toEqual([true, true, true, false, true, true, false]);
  });

  it('forgets the lowest ranges first', () => {
    const set = new RangeSet();
    for (const start of [0, 10, 20]) set.add(start, start + 1);
    set.keepNewest(2);
    expect(membersOf(set)).toEqual([10, 20]);
  });

  it('agrees with a plain set, and stays ascending with gaps', () => {
    const operation = fc.record({
      adds: fc.boolean(),
      start: fc.integer({ min: 0, max: 60 }),
      length: fc.integer({ min: 0, max: 20 }),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const set = new RangeSet();
        const model = new Set<number>();
        for (const { adds, start, length } of operations) {
          if (adds) set.add(start, start + length);
          else set.remove(start, start + length);
          for (let i = start; i < start + length; i += 1) {
            if (adds) model.add(i);
            else model.delete(i);
          }
          expect(membersOf(set)).toEqual([...model].sort((a, b) => a - b));
          set.ascending().forEach((range, i, all) => {
            expect(range.start).toBeLessThan(range.end);
            const next = all[i + 1];
            if (next) expect(range.end).toBeLessThan(next.start);
          });
        }
      }),
    );
  });
});
