import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { settled, Written } from './fake-client.fixture.js';
import { Output } from './output.js';

function setUp(maxBytes?: number) {
  const stream = new PassThrough({ highWaterMark: 16 });
  const broken: Error[] = [];
  const output = new Output(stream, (error) => broken.push(error), maxBytes);
  return { stream, broken, output };
}

async function isSettled(promise: Promise<void>): Promise<boolean> {
  let done = false;
  void promise.then(() => {
    done = true;
  });
  await settled();
  return done;
}

describe('Output', () => {
  it('writes lines', () => {
    const stream = new Written();
    new Output(stream, () => undefined).line('one');
    expect(stream.text).toBe('one\n');
  });

  it('is ready again once a slow reader has read', async () => {
    const { stream, output } = setUp();
    expect(await isSettled(output.ready())).toBe(true);
    output.line('x'.repeat(100));
    const ready = output.ready();
    expect(await isSettled(ready)).toBe(false);
    stream.resume();
    expect(await isSettled(ready)).toBe(true);
  });

  it('is flushed when all is out', async () => {
    const { stream, output } = setUp();
    output.line('x'.repeat(100));
    output.line('y');
    const flushed = output.flushed();
    expect(await isSettled(flushed)).toBe(false);
    stream.resume();
    expect(await isSettled(flushed)).toBe(true);
  });

  it('a reader that is gone breaks it once, and nobody waits for it', async () => {
    const { stream, output, broken } = setUp();
    output.line('x'.repeat(100));
    const ready = output.ready();
    stream.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    expect(await isSettled(ready)).toBe(true);
    output.line('more');
    expect(await isSettled(output.flushed())).toBe(true);
    expect(broken).toHaveLength(1);
  });

  it('a reader that never reads breaks it', () => {
    const { output, broken } = setUp(1_000);
    for (let i = 0; i < 20; i += 1) output.line('x'.repeat(99));
    expect(broken).toHaveLength(1);
    expect(broken[0]?.message).toContain('nobody reads');
  });
});
