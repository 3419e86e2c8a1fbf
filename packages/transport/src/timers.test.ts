import { describe, expect, it } from '@jest/globals';
import { Timers } from './timers.js';

describe('Timers', () => {
  it('expire in the order of their deadlines, each once', () => {
    const timers = new Timers();
    timers.set('idle', 30);
    timers.set('loss', 10);
    timers.set('keep-alive', 20);
    expect(timers.next()).toBe(10);
    expect(timers.takeExpired(9)).toBeUndefined();
    expect([timers.takeExpired(25), timers.takeExpired(25), timers.takeExpired(25)]).toEqual([
      'loss',
      'keep-alive',
      undefined,
    ]);
    expect(timers.next()).toBe(30);
  });

  it('can be moved and stopped', () => {
    const timers = new Timers();
    timers.set('loss', 10);
    timers.set('loss', 50);
    expect(timers.takeExpired(49)).toBeUndefined();
    timers.set('loss', undefined);
    expect(timers.next()).toBeUndefined();
    timers.set('idle', 1);
    timers.clear();
    expect(timers.takeExpired(100)).toBeUndefined();
  });
});
