import { beforeEach, describe, expect, it } from '@jest/globals';
import { SendQueues, type Reader } from './send-queues.js';

let dropped: string[];
beforeEach(() => {
  dropped = [];
});

const reader = (name: string): Reader => ({ drop: () => void dropped.push(name) });

describe('SendQueues', () => {
  it('drop the longest when all together are too long', () => {
    const queues = new SendQueues(100);
    const [slow, slower, slowest] = [reader('slow'), reader('slower'), reader('slowest')];
    queues.set(slow, 30);
    queues.set(slowest, 40);
    queues.set(slower, 30);
    expect(dropped).toEqual([]);
    queues.set(slow, 31);
    expect(dropped).toEqual(['slowest']);
    // What the dropped one had is free.
    queues.set(slower, 60);
    expect(dropped).toEqual(['slowest']);
    queues.set(slow, 41);
    expect(dropped).toEqual(['slowest', 'slower']);
  });

  it('forget what was read', () => {
    const queues = new SendQueues(100);
    const one = reader('one');
    for (let times = 0; times < 10; times += 1) {
      queues.set(one, 100);
      queues.set(one, 0);
    }
    queues.set(reader('two'), 100);
    expect(dropped).toEqual([]);
  });

  it('drop as many as it takes', () => {
    const queues = new SendQueues(100);
    for (const name of ['a', 'b', 'c', 'd']) queues.set(reader(name), 25);
    queues.set(reader('e'), 24);
    expect(dropped).toEqual(['a']);
    queues.set(reader('f'), 101);
    expect(dropped).toEqual(['a', 'f']);
  });
});
