import { describe, expect, it } from '@jest/globals';
import { missingRounds } from './missing-rounds.js';

describe('missingRounds', () => {
  it.each([
    [4, 12],
    [11, 12],
    [12, 12],
  ])('make up what a run of cost %d lacks of one of %d', (made, asked) => {
    const work = [made, ...missingRounds(made, asked)].reduce((sum, cost) => sum + 2 ** cost, 0);
    expect(work).toBe(2 ** asked);
  });

  it('are none when the hash was made with more work', () => {
    expect(missingRounds(13, 12)).toEqual([]);
  });
});
