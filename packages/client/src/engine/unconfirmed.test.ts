import { describe, expect, it } from '@jest/globals';
import { Unconfirmed } from './unconfirmed.js';

describe('what is unconfirmed', () => {
  it('is held until it is confirmed, once', () => {
    const unconfirmed = new Unconfirmed();
    unconfirmed.add('m1', 10);
    unconfirmed.add('m2', 20);
    expect(unconfirmed.bytes).toBe(30);
    expect(unconfirmed.confirm('m1')).toBe(true);
    expect(unconfirmed.confirm('m1')).toBe(false);
    expect(unconfirmed.confirm('m9')).toBe(false);
    expect(unconfirmed.bytes).toBe(20);
  });

  it('is given up oldest first', () => {
    const unconfirmed = new Unconfirmed();
    unconfirmed.add('m1', 10);
    unconfirmed.add('m2', 20);
    expect(unconfirmed.giveUp()).toEqual(['m1', 'm2']);
    expect(unconfirmed.bytes).toBe(0);
    expect(unconfirmed.giveUp()).toEqual([]);
    expect(unconfirmed.confirm('m1')).toBe(false);
  });
});
