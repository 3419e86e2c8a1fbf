import { describe, expect, it } from '@jest/globals';
import { StatusLines } from './status-lines.js';

describe('status lines', () => {
  it('pass in a burst, then at a rate, and tell of those left out', () => {
    const lines = new StatusLines();
    const passed = (nowMs: number, count: number): string[] =>
      Array.from({ length: count }, () => lines.pass({ level: 'info', line: 'x' }, nowMs))
        .flat()
        .map(({ line }) => line);
    expect(passed(1000, 200)).toHaveLength(200);
    expect(passed(1000, 30)).toEqual([]);
    expect(passed(1019, 1)).toEqual([]);
    expect(passed(1020, 2)).toEqual(['31 Status Lines Left Out', 'x']);
    expect(passed(2020, 100)).toHaveLength(51);
    expect(passed(100_000, 1000)).toHaveLength(201);
  });
});
