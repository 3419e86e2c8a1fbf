import { describe, expect, it } from '@jest/globals';
import { isDuration, parseDuration, showDuration } from './durations.js';

describe('durations', () => {
  it.each([
    ['200ms', 200],
    ['5s', 5_000],
    ['1.5s', 1_500],
    ['2m', 120_000],
    ['0s', 0],
    ['1440m', 86_400_000],
  ])('%s is %d ms', (word, ms) => {
    expect(parseDuration(word)).toBe(ms);
  });

  it.each(['', '5', 's', '5 s', '-1s', '1e3ms', '5S', '1h', '.5s', '1441m', '99999999999ms'])('refuses %j', (word) => {
    expect(() => parseDuration(word)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  it('tells a time from other words', () => {
    expect(isDuration('10s')).toBe(true);
    expect(isDuration('text=10s')).toBe(false);
  });

  it.each([
    [120_000, '2m'],
    [5_000, '5s'],
    [1_500, '1500ms'],
    [0, '0ms'],
  ])('shows %d ms as %s', (ms, text) => {
    expect(showDuration(ms)).toBe(text);
  });
});
