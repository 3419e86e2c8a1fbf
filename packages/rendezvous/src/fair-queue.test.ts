import { describe, expect, it } from '@jest/globals';
import { FairQueue } from './fair-queue.js';

function drained<T>(queue: FairQueue<string, T>, count: number): T[] {
  const items: T[] = [];
  while (items.length < count) {
    const item = queue.shift();
    if (item === undefined) break;
    items.push(item);
  }
  return items;
}

describe('FairQueue', () => {
  it('keeps the order of each flow, and is empty in the end', () => {
    const queue = new FairQueue<string, number>({ datagrams: 32, bytes: 65_536, totalBytes: 1e9 });
    for (let i = 0; i < 20; i += 1) expect(queue.push('a', i, 1_000)).toBe(true);
    expect(queue.isEmpty).toBe(false);
    expect(drained(queue, 100)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(queue.isEmpty).toBe(true);
    expect(queue.shift()).toBeUndefined();
  });

  it('drops what one flow has too many of, by number and by bytes, and of no other', () => {
    const queue = new FairQueue<string, string>({ datagrams: 3, bytes: 2_500, totalBytes: 1e9 });
    expect(['1', '2', '3', '4'].map((item) => queue.push('a', item, 10))).toEqual([true, true, true, false]);
    expect(['1', '2', '3'].map((item) => queue.push('b', item, 1_000))).toEqual([true, true, false]);
    expect(queue.push('c', '1', 2_500)).toBe(true);
  });

  it('leaves room for the next flow, however many flood it', () => {
    const queue = new FairQueue<string, string>({ datagrams: 1_000, bytes: 1e9, totalBytes: 100_000 });
    for (let round = 0; round < 100; round += 1) {
      for (let flood = 0; flood < 9; flood += 1) queue.push(`flood ${String(flood)}`, 'flood', 1_000);
    }
    expect(queue.push('chat', 'chat', 1_000)).toBe(true);
    const items = drained(queue, 1_000);
    // A tenth for each of the nine, and a tenth stayed free.
    expect(items.length).toBeGreaterThan(85);
    expect(items.length).toBeLessThanOrEqual(100);
    expect(items).toContain('chat');
    expect(queue.push('chat', 'chat', 50_000)).toBe(true);
  });

  it('a flood delays nobody: the first of another flow is out after one turn', () => {
    const queue = new FairQueue<string, string>({ datagrams: 1_000, bytes: 1e9, totalBytes: 1e9 });
    for (let i = 0; i < 1_000; i += 1) queue.push('flood', 'flood', 1_200);
    drained(queue, 10);
    queue.push('chat', 'chat', 100);
    expect(drained(queue, 4)).toContain('chat');
  });

  it('shares by bytes, not by datagrams', () => {
    const queue = new FairQueue<string, string>({ datagrams: 10_000, bytes: 1e9, totalBytes: 1e9 });
    for (let i = 0; i < 10_000; i += 1) {
      queue.push('small', 'small', 100);
      queue.push('large', 'large', 1_200);
      queue.push('huge', 'huge', 60_000);
    }
    const bytes = { small: 0, large: 0, huge: 0 };
    const sizes: Record<string, number> = { small: 100, large: 1_200, huge: 60_000 };
    for (const name of drained(queue, 6_000) as (keyof typeof bytes)[]) bytes[name] += sizes[name] ?? 0;
    expect(bytes.large / bytes.small).toBeCloseTo(1, 0);
    expect(Math.abs(bytes.huge - bytes.large)).toBeLessThanOrEqual(120_000);
  });
});
