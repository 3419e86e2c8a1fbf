import { describe, expect, it } from '@jest/globals';
import { settled } from './fake-client.fixture.js';
import { LineQueue } from './line-queue.js';

describe('LineQueue', () => {
  it('gives out in order what was put in, before and after somebody waits, until its end', async () => {
    const queue = new LineQueue<number>();
    const taken: number[] = [];
    queue.push(1);
    const taking = (async () => {
      for await (const item of queue) taken.push(item);
    })();
    await settled();
    expect(taken).toEqual([1]);
    queue.push(2);
    queue.push(3);
    queue.end();
    await taking;
    expect(taken).toEqual([1, 2, 3]);
    expect(queue.push(4)).toBe(false);
  });

  it('refuses more than a thousand', () => {
    const queue = new LineQueue<number>();
    for (let i = 0; i < 1_000; i += 1) expect(queue.push(i)).toBe(true);
    expect(queue.push(1_000)).toBe(false);
  });
});
