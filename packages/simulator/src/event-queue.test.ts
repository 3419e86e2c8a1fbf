import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EventQueue } from './event-queue.js';

describe('EventQueue', () => {
  it('gives items by time, and those of one time in the order they came', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 })), (times) => {
        const queue = new EventQueue<{ at: number; order: number }>();
        times.forEach((at, order) => {
          queue.add(at, { at, order });
        });
        const taken = times.map(() => queue.take());
        const sorted = times.map((at, order) => ({ at, order })).sort((a, b) => a.at - b.at || a.order - b.order);
        expect(taken).toEqual(sorted);
        expect(queue.take()).toBeUndefined();
        expect(queue.nextAt).toBe(Infinity);
      }),
    );
  });
});
