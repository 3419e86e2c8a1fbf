/** Runs in a worker thread: bcrypt in JavaScript holds its thread for a good part of a second. */
import { parentPort } from 'node:worker_threads';
import { compareSync, hashSync } from 'bcryptjs';
import type { PasswordJob } from './password-job.js';

parentPort?.on('message', (job: PasswordJob) => {
  parentPort?.postMessage(job.type === 'hash' ? hashSync(job.secret, job.cost) : compareSync(job.secret, job.hash));
});
