import { createHmac } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { genSaltSync, getRounds } from 'bcryptjs';
import type { PasswordHasher } from '../domain/index.js';
import type { PasswordJob } from './password-job.js';
import { WorkerPool } from './worker-pool.js';

/** Logins that may wait for a thread; about ten seconds of work. */
const queueLength = 64;

/** One core stays for everything else. */
const threads = Math.max(1, availableParallelism() - 1);

/** bcrypt over a peppered pre-hash, in threads. */
export class BcryptHasher implements PasswordHasher {
  readonly #pepper: Uint8Array;
  readonly #cost: number;
  /** Fits no password, and takes the work of a real one to find out. */
  readonly #dummyHash: string;
  readonly #pool = new WorkerPool<PasswordJob, string | boolean>(
    new URL('./password-worker.js', import.meta.url),
    threads,
    queueLength,
  );

  /** @param cost each step doubles the work of one hash. */
  constructor(pepper: Uint8Array, cost: number) {
    this.#pepper = pepper;
    this.#cost = cost;
    this.#dummyHash = genSaltSync(cost) + '.'.repeat(31);
  }

  async hash(password: string): Promise<string> {
    return String(await this.#pool.run({ type: 'hash', secret: this.#preHash(password), cost: this.#cost }));
  }

  async verify(password: string, hash: string | undefined): Promise<{ matches: boolean; outdated: boolean }> {
    const secret = this.#preHash(password);
    const equal = await this.#pool.run({ type: 'compare', secret, hash: hash ?? this.#dummyHash });
    const matches = equal === true && hash !== undefined;
    return { matches, outdated: matches && getRounds(hash) < this.#cost };
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  /** 64 characters whatever the password: bcrypt itself looks at the first 72 bytes only, and stops at a NUL. */
  #preHash(password: string): string {
    return createHmac('sha384', this.#pepper).update(password, 'utf8').digest('base64');
  }
}
