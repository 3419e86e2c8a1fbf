import { Worker } from 'node:worker_threads';
import { ParleyError } from '@parley/protocol';
import { FairQueue } from './fair-queue.js';

/** Who waits for the answer to a job. */
export interface Waiter {
  /** Those of one group share a turn. */
  readonly group: string;
  /** Nobody waits any more; the job need not be done. */
  isGone(): boolean;
}

interface Task<Job, Answer> {
  readonly job: Job;
  readonly waiter: Waiter;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/** How much later a refused caller should come back, for each job in front of it. */
const retryPerJobMs = 100;

/**
 * Threads that answer one job at a time each. They start when they are needed and do not keep the process alive while
 * they have nothing to do. Jobs that wait are taken in turns, by the groups of those who wait; beyond `queueLength` of
 * them the largest group does without one.
 */
export class WorkerPool<Job, Answer> {
  readonly #script: URL;
  readonly #size: number;
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Task<Job, Answer>>();
  readonly #queue: FairQueue<Task<Job, Answer>>;
  /** How much later one who is refused should come back. */
  readonly #retryAfterMs: number;
  #closed = false;

  /** @param script takes a job as a message to its parent port and posts the answer. */
  constructor(script: URL, size: number, queueLength: number) {
    this.#script = script;
    this.#size = size;
    this.#queue = new FairQueue(queueLength);
    this.#retryAfterMs = retryPerJobMs * queueLength;
  }

  /** @throws ParleyError SERVER_BUSY when too many wait, SERVER_SHUTDOWN when the pool is or gets closed. */
  run(job: Job, waiter: Waiter): Promise<Answer> {
    if (this.#closed) return Promise.reject(new ParleyError('SERVER_SHUTDOWN'));
    const worker = this.#idle.pop() ?? (this.#busy.size < this.#size ? this.#start() : undefined);
    return new Promise((resolve, reject) => {
      const task = { job, waiter, resolve, reject };
      if (worker) this.#assign(worker, task);
      else this.#enqueue(task);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const workers = [...this.#idle, ...this.#busy.keys()];
    const tasks = [...this.#queue.remove(() => true), ...this.#busy.values()];
    for (const task of tasks) task.reject(new ParleyError('SERVER_SHUTDOWN'));
    this.#idle.length = 0;
    this.#busy.clear();
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  #start(): Worker {
    const worker = new Worker(this.#script);
    worker.on('message', (answer: Answer) => {
      this.#busy.get(worker)?.resolve(answer);
      this.#busy.delete(worker);
      this.#next(worker);
    });
    // A thread that fails takes its job with it; the next job starts another.
    worker.on('error', (cause) => {
      this.#busy.get(worker)?.reject(new Error('a worker thread failed', { cause }));
    });
    worker.on('exit', () => {
      this.#busy.get(worker)?.reject(new Error('a worker thread ended'));
      this.#busy.delete(worker);
      const at = this.#idle.indexOf(worker);
      if (at !== -1) this.#idle.splice(at, 1);
      if (!this.#closed && this.#queue.size > 0) this.#next(this.#start());
    });
    return worker;
  }

  #enqueue(task: Task<Job, Answer>): void {
    this.#refuse(this.#queue.remove(({ waiter }) => waiter.isGone()));
    const refused = this.#queue.push(task.waiter.group, task);
    if (refused) this.#refuse([refused]);
  }

  #refuse(tasks: readonly Task<Job, Answer>[]): void {
    const retryAfterMs = this.#retryAfterMs;
    for (const task of tasks) task.reject(new ParleyError('SERVER_BUSY', undefined, { retryAfterMs }));
  }

  #next(worker: Worker): void {
    this.#refuse(this.#queue.remove(({ waiter }) => waiter.isGone()));
    const task = this.#queue.shift();
    if (task) {
      this.#assign(worker, task);
    } else {
      worker.unref();
      this.#idle.push(worker);
    }
  }

  #assign(worker: Worker, task: Task<Job, Answer>): void {
    this.#busy.set(worker, task);
    worker.ref();
    worker.postMessage(task.job);
  }
}
