import { Writable } from 'node:stream';
import { expect, it } from '@jest/globals';
import { BackgroundWork } from './background-work.js';
import { createLog } from './log.js';

it('background work is waited for, and tells the operator when it fails', async () => {
  const lines: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  const background = new BackgroundWork(createLog('error', destination));
  let finish: () => void = () => undefined;
  background.run('the first', () => new Promise((resolve) => (finish = resolve)));
  background.run('the second', () => Promise.reject(new Error('as told')));
  let idle = false;
  const waited = background.idle().then(() => (idle = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect(idle).toBe(false);
  finish();
  await waited;
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/the second failed/);
});
