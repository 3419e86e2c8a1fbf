import { describe, expect, it } from '@jest/globals';
import { endsWithin } from './bounded-wait.js';

describe('endsWithin', () => {
  it('tells whether work ended, and does not wait for work that hangs', async () => {
    expect(await endsWithin(60_000, Promise.resolve('done'))).toBe(true);
    expect(await endsWithin(1, new Promise(() => undefined))).toBe(false);
  });

  it('fails as the work does', async () => {
    await expect(endsWithin(60_000, Promise.reject(new Error('as told')))).rejects.toThrow('as told');
  });
});
