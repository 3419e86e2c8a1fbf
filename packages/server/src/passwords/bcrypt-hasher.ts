import { createHmac } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { genSaltSync, getRounds } from 'bcryptjs';
import type { HashingClient, PasswordHasher } from '../domain/index.js';
import { clientNetwork } from './client-network.js';
import type { PasswordJob } from './password-job.js';
import { WorkerPool, type Waiter } from './worker-pool.js';

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

  async hash(password: string, client: HashingClient): Promise<string> {
    const job = { type: 'hash', secret: this.#preHash(password), cost: this.#cost } as const;
    return String(await this.#pool.run(job, waiterOf(client)));
  }

  /** One that does not match takes the work of `cost`, also when its hash was made with less. */
  async verify(
    password: string,
    hash: string | undefined,
    client: HashingClient,
  ): Promise<{ matches: boolean; outdated: boolean }> {
    const secret = this.#preHash(password);
    const job = { type: 'compare', secret, hash: hash ?? this.#dummyHash, cost: this.#cost } as const;
    const equal = await this.#pool.run(job, waiterOf(client));
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

function waiterOf(client: HashingClient): Waiter {
  return { group: clientNetwork(client.address), isGone: () => client.isGone() };
}
