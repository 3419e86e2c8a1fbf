import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { namePattern } from '@parley/protocol';
import { lookAlike, sharedName } from './shared-name.js';

describe('the shared name', () => {
  it.each([
    ['mat0299', 'mat0299'],
    ['Mat0299', 'mat0299'],
    ['Anna Maria', 'anna-maria'],
    ['a', 'a-'],
    ['x'.repeat(32), 'x'.repeat(32)],
  ])('of %j is %s', (typed, name) => {
    expect(sharedName(typed)).toBe(name);
  });

  it.each([
    '',
    '-',
    '_bob',
    ' bob',
    'x'.repeat(33),
    // Shown as typed, these could pass for alice, or for what she says in a room.
    'alice:',
    'alice@lobby',
    'alice\u200d',
    'alic\u0435',
    'alice\u00a0',
    'x\u001b[31m',
    // The Kelvin sign, whose lower case is k, and the long s, whose upper case is S.
    '\u212aarl',
    '\u017fam',
    'Zoë',
    'a😀',
    'anna\tmaria',
    'bob\n',
  ])('of %j is none', (typed) => {
    expect(sharedName(typed)).toBeUndefined();
  });

  it.each([
    ['aIice', 'alice'],
    ['BOb', 'b0b'],
    ['Anna', 'anna'],
  ])('%j could be taken for %s', (typed, name) => {
    expect(lookAlike(typed)).toBe(name);
  });

  it('is a name, whatever is typed, and differs from it in nothing but case, spaces and the end', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[A-Za-z0-9 _-]{1,40}$/)), (typed) => {
        const name = sharedName(typed);
        if (name === undefined) return;
        expect(name).toMatch(namePattern);
        expect(name.startsWith(typed.toLowerCase().replaceAll(' ', '-'))).toBe(true);
      }),
    );
  });
});
