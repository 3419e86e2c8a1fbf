/** Waits that end: by time and by the caller's signal. */
import { ParleyError } from '@parley/protocol';

/** Settles like `work`, or rejects with ABORTED as soon as the signal says so; `work` then goes on unheard. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => {
      reject(new ParleyError('ABORTED', undefined, { cause: signal.reason }));
    };
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', abort);
    });
  });
}

/** True when `work` settled, false when `ms` were over first. Rejections of `work` come through. */
export async function within(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs one piece of work at a time, in the order they came. */
export class Turnstile {
  #last: Promise<unknown> = Promise.resolve();

  pass<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work);
    // The next one's turn comes however this one ends; its caller hears of a failure.
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}
