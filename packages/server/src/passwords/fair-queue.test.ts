import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FairQueue } from './fair-queue.js';

function drain(queue: FairQueue<string>): string[] {
  const items: string[] = [];
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) items.push(item);
  return items;
}

function queueOf(length: number, ...items: string[]): FairQueue<string> {
  const queue = new FairQueue<string>(length);
  for (const item of items) expect(queue.push(item.charAt(0), item)).toBeUndefined();
  return queue;
}

describe('FairQueue', () => {
  it('gives each key its turn, in the order they came', () => {
    expect(drain(queueOf(9, 'a1', 'a2', 'a3', 'b1', 'b2', 'c1'))).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
  });

  it('gives a key that comes back its turn behind those who wait', () => {
    const queue = queueOf(9, 'a1', 'b1');
    expect(queue.shift()).toBe('a1');
    queue.push('a', 'a2');
    queue.push('c', 'c1');
    expect(drain(queue)).toEqual(['b1', 'a2', 'c1']);
  });

  it('when full, refuses one more of the longest row, and lets others in at its cost', () => {
    const queue = queueOf(3, 'a1', 'a2', 'a3');
    expect(queue.push('a', 'a4')).toBe('a4');
    expect(queue.push('b', 'b1')).toBe('a3');
    // Two and one: another of the second would only turn it round.
    expect(queue.push('b', 'b2')).toBe('b2');
    expect(queue.push('c', 'c1')).toBe('a2');
    expect(queue.push('d', 'd1')).toBe('d1');
    expect(drain(queue)).toEqual(['a1', 'b1', 'c1']);
  });

  it('takes items out', () => {
    const queue = queueOf(4, 'a1', 'a2', 'b1', 'c1');
    expect(queue.remove((item) => item.endsWith('1'))).toEqual(['a1', 'b1', 'c1']);
    expect(queue.size).toBe(1);
    expect(drain(queue)).toEqual(['a2']);
    expect(queue.size).toBe(0);
  });

  it('never holds more than its length, and loses nothing silently', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.boolean())), (steps) => {
        const queue = new FairQueue<number>(5);
        const outside = new Set<number>();
        for (const [index, [key, take]] of steps.entries()) {
          const out = [take ? queue.shift() : undefined, queue.push(key, index)];
          for (const item of out) if (item !== undefined) outside.add(item);
          expect(queue.size).toBeLessThanOrEqual(5);
          expect(outside.size + queue.size).toBe(index + 1);
        }
      }),
    );
  });
});
