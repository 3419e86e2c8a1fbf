import { describe, expect, it } from '@jest/globals';
import { namePattern } from '@parley/protocol';
import { sharedName } from './shared-name.js';

describe('the shared name', () => {
  it.each([
    ['mat0299', 'mat0299'],
    ['Mat0299', 'mat0299'],
    ['Anna Maria', 'anna-maria'],
    ['a', 'a-'],
    ['Zoë', 'zo-'],
    // The Kelvin sign, whose lower case is k: as a name it is another's.
    ['\u212aarl', 'karl'],
    ['x\u001b[31m', 'x--31m'],
    ['a😀', 'a-'],
  ])('of %j is %s', (typed, name) => {
    expect(sharedName(typed)).toBe(name);
    expect(name).toMatch(namePattern);
  });

  it.each(['', '-', '_bob', ' bob', 'x'.repeat(33)])('of %j is none', (typed) => {
    expect(sharedName(typed)).not.toMatch(namePattern);
  });
});
