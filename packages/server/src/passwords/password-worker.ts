/** Runs in a worker thread: bcrypt in JavaScript holds its thread for a good part of a second. */
import { parentPort } from 'node:worker_threads';
import { compareSync, getRounds, hashSync } from 'bcryptjs';
import { missingRounds } from './missing-rounds.js';
import type { PasswordJob } from './password-job.js';

parentPort?.on('message', (job: PasswordJob) => {
  parentPort?.postMessage(job.type === 'hash' ? hashSync(job.secret, job.cost) : compare(job));
});

function compare({ secret, hash, cost }: Extract<PasswordJob, { type: 'compare' }>): boolean {
  if (compareSync(secret, hash)) return true;
  for (const rounds of missingRounds(getRounds(hash), cost)) hashSync(secret, rounds);
  return false;
}
