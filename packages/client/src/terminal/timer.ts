import { ParleyError } from '@parley/protocol';

/** Where the terminal gets its time from; tests turn the clock by hand. */
export interface Timer {
  now(): Date;
  /** Calls back once after `delayMs`, unless the returned function is called before. */
  after(delayMs: number, callback: () => void): () => void;
}

export const systemTimer: Timer = {
  now: () => new Date(),
  after(delayMs, callback) {
    const timeout = setTimeout(callback, delayMs);
    return () => {
      clearTimeout(timeout);
    };
  },
};

/** Settles after `delayMs`, or rejects with ABORTED as soon as the signal says so. */
export function sleep(timer: Timer, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      cancel();
      reject(new ParleyError('ABORTED'));
    };
    const cancel = timer.after(delayMs, () => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

/** Whether the work was done in time; it goes on unwatched when it was not. A rejection is passed on. */
export async function within(timer: Timer, limitMs: number, work: Promise<unknown>): Promise<boolean> {
  let cancel = (): void => undefined;
  const late = new Promise<false>((resolve) => {
    cancel = timer.after(limitMs, () => {
      resolve(false);
    });
  });
  try {
    return await Promise.race([work.then(() => true as const), late]);
  } finally {
    cancel();
  }
}
