import { isMainThread } from 'node:worker_threads';
import { afterEach, describe, expect, it } from '@jest/globals';
import { WorkerPool, type Waiter } from './worker-pool.js';

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

const somebody: Waiter = { group: 'a', isGone: () => false };

let pool: WorkerPool<string, Answer>;
afterEach(() => pool.close());

describe('WorkerPool', () => {
  it('works in threads of its own', async () => {
    pool = new WorkerPool(script, 2, 10);
    const answers = await Promise.all(['a', 'b', 'c', 'd'].map((job) => pool.run(job, somebody)));
    expect(answers.map(({ job }) => job)).toEqual(['a', 'b', 'c', 'd']);
    expect(isMainThread).toBe(true);
    expect(answers.some((answer) => answer.isMainThread)).toBe(false);
    expect(new Set(answers.map(({ threadId }) => threadId)).size).toBe(2);
  });

  it('refuses what goes beyond its queue, and tells when to come back', async () => {
    pool = new WorkerPool(script, 1, 2);
    const taken = ['a', 'b', 'c'].map((job) => pool.run(job, somebody));
    await expect(pool.run('d', somebody)).rejects.toMatchObject({
      code: 'SERVER_BUSY',
      retryAfterMs: expect.any(Number),
    });
    await Promise.all(taken);
    expect((await pool.run('e', somebody)).job).toBe('e');
  });

  it('loses one job with a thread that fails or ends, and no other', async () => {
    pool = new WorkerPool(script, 1, 10);
    const outcomes = await Promise.allSettled(['a', 'fail', 'b', 'end', 'c'].map((job) => pool.run(job, somebody)));
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
  });

  it('lets a newcomer in at the cost of a crowd, and before it', async () => {
    pool = new WorkerPool(script, 1, 3);
    const done: string[] = [];
    const crowd = ['a', 'b', 'c', 'd'].map((job) => pool.run(job, somebody).then(() => done.push(job)));
    const newcomer = pool.run('e', { ...somebody, group: 'b' }).then(() => done.push('e'));
    const outcomes = await Promise.allSettled([...crowd, newcomer]);
    expect(outcomes.map(({ status }) => status)).toEqual([
      ...['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
    ]);
    expect(outcomes[3]).toMatchObject({ reason: { code: 'SERVER_BUSY', retryAfterMs: expect.any(Number) } });
    expect(done).toEqual(['a', 'b', 'e', 'c']);
  });

  it('does nothing for those who have gone', async () => {
    pool = new WorkerPool(script, 1, 2);
    let gone = false;
    const first = pool.run('a', somebody);
    const left = ['fail', 'fail'].map((job) => pool.run(job, { ...somebody, isGone: () => gone }));
    gone = true;
    const next = pool.run('b', somebody);
    for (const outcome of await Promise.allSettled(left)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'SERVER_BUSY' } });
    }
    expect((await first).threadId).toBe((await next).threadId);
  });

  it('lets go of all that waits when it closes', async () => {
    pool = new WorkerPool(script, 1, 10);
    const jobs = Promise.allSettled(['never', 'a', 'b'].map((job) => pool.run(job, somebody)));
    await pool.close();
    for (const outcome of await jobs) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'SERVER_SHUTDOWN' } });
    }
    await expect(pool.run('c', somebody)).rejects.toMatchObject({ code: 'SERVER_SHUTDOWN' });
  });
});
