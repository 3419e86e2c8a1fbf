import { Worker } from 'node:worker_threads';
import { ParleyError } from '@parley/protocol';

interface Task<Job, Answer> {
  readonly job: Job;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/** How much later a refused caller should come back, for each job in front of it. */
const retryPerJobMs = 100;

/**
 * Threads that answer one job at a time each. They start when they are needed and do not keep the process alive while
 * they have nothing to do. A job beyond `queueLength` waiting ones is refused.
 */
export class WorkerPool<Job, Answer> {
  readonly #script: URL;
  readonly #size: number;
  readonly #queueLength: number;
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Task<Job, Answer>>();
  readonly #queue: Task<Job, Answer>[] = [];
  #closed = false;

  /** @param script takes a job as a message to its parent port and posts the answer. */
  constructor(script: URL, size: number, queueLength: number) {
    this.#script = script;
    this.#size = size;
    this.#queueLength = queueLength;
  }

  /** @throws ParleyError SERVER_BUSY when too many wait, SERVER_SHUTDOWN when the pool is or gets closed. */
  run(job: Job): Promise<Answer> {
    if (this.#closed) return Promise.reject(new ParleyError('SERVER_SHUTDOWN'));
    const worker = this.#idle.pop() ?? (this.#busy.size < this.#size ? this.#start() : undefined);
    if (!worker && this.#queue.length >= this.#queueLength) {
      const retryAfterMs = retryPerJobMs * this.#queueLength;
      return Promise.reject(new ParleyError('SERVER_BUSY', undefined, { retryAfterMs }));
    }
    return new Promise((resolve, reject) => {
      const task = { job, resolve, reject };
      if (worker) this.#assign(worker, task);
      else this.#queue.push(task);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const workers = [...this.#idle, ...this.#busy.keys()];
    for (const task of [...this.#queue, ...this.#busy.values()]) task.reject(new ParleyError('SERVER_SHUTDOWN'));
    this.#idle.length = 0;
    this.#queue.length = 0;
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
      if (!this.#closed && this.#queue.length > 0) this.#next(this.#start());
    });
    return worker;
  }

  #next(worker: Worker): void {
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
