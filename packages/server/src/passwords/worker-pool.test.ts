import { isMainThread } from 'node:worker_threads';
import { afterEach, describe, expect, it } from '@jest/globals';
import { WorkerPool } from './worker-pool.js';

/** Answers with what it was asked and where it ran; fails or ends when told to; "later" waits for good. */
const script = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { isMainThread, parentPort, threadId } from 'node:worker_threads';
    parentPort.on('message', (job) => {
      if (job === 'fail') throw new Error('failed as told');
      if (job === 'end') process.exit(0);
      if (job !== 'never') parentPort.postMessage({ job, isMainThread, threadId });
    });
  `)}`,
);

interface Answer {
  readonly job: string;
  readonly isMainThread: boolean;
  readonly threadId: number;
}

let pool: WorkerPool<string, Answer>;
afterEach(() => pool.close());

describe('WorkerPool', () => {
  it('works in threads of its own', async () => {
    pool = new WorkerPool(script, 2, 10);
    const answers = await Promise.all(['a', 'b', 'c', 'd'].map((job) => pool.run(job)));
    expect(answers.map(({ job }) => job)).toEqual(['a', 'b', 'c', 'd']);
    expect(isMainThread).toBe(true);
    expect(answers.some((answer) => answer.isMainThread)).toBe(false);
    expect(new Set(answers.map(({ threadId }) => threadId)).size).toBe(2);
  });

  it('refuses what goes beyond its queue, and tells when to come back', async () => {
    pool = new WorkerPool(script, 1, 2);
    const taken = ['a', 'b', 'c'].map((job) => pool.run(job));
    await expect(pool.run('d')).rejects.toMatchObject({ code: 'SERVER_BUSY', retryAfterMs: expect.any(Number) });
    await Promise.all(taken);
    expect((await pool.run('e')).job).toBe('e');
  });

  it('loses one job with a thread that fails or ends, and no other', async () => {
    pool = new WorkerPool(script, 1, 10);
    const outcomes = await Promise.allSettled(['a', 'fail', 'b', 'end', 'c'].map((job) => pool.run(job)));
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
  });

  it('lets go of all that waits when it closes', async () => {
    pool = new WorkerPool(script, 1, 10);
    const jobs = Promise.allSettled(['never', 'a', 'b'].map((job) => pool.run(job)));
    await pool.close();
    for (const outcome of await jobs) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'SERVER_SHUTDOWN' } });
    }
    await expect(pool.run('c')).rejects.toMatchObject({ code: 'SERVER_SHUTDOWN' });
  });
});
