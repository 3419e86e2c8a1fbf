/** The real clock and the real source of chance. */
import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Clock, RandomSource } from './domain/index.js';

export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs);
    // What is to happen later does not keep a process alive whose sockets are closed.
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};

export const systemRandom: RandomSource = {
  id: () => randomBytes(16).toString('hex'),
  secret: () => randomBytes(32).toString('base64'),
};

export const monotonicMs = (): number => performance.now();
