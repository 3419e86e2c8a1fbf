import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { quote, splitFirstWord, tokenize } from './tokens.js';

describe('tokenize', () => {
  it.each<[string, string[]]>([
    ['', []],
    ['  \t ', []],
    ['alice  secret\tthird', ['alice', 'secret', 'third']],
    ['alice "my pass word"', ['alice', 'my pass word']],
    [String.raw`"a\"b\\c" d`, ['a"b\\c', 'd']],
    ['""', ['']],
    ['pass"word it"s', ['pass"word', 'it"s']],
    ['a\u00a0b', ['a\u00a0b']],
    ['text="a b"', ['text="a', 'b"']],
  ])('cuts %j into %j', (text, words) => {
    expect(tokenize(text)).toEqual(words);
  });

  it('reads quotes right behind field= where fields are expected', () => {
    expect(tokenize('message text="a b" from=bob x="" y=z"', { fields: true })).toEqual([
      'message',
      'text=a b',
      'from=bob',
      'x=',
      'y=z"',
    ]);
  });

  it.each(['"open', '"closed"text', '"', String.raw`"bad \n escape"`])('refuses %j', (text) => {
    expect(() => tokenize(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  it('reads back whatever quote wrote', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (words) => {
        expect(tokenize(words.map(quote).join(' '))).toEqual(words);
      }),
    );
  });
});

describe('splitFirstWord', () => {
  it.each([
    ['', '', ''],
    ['lu', 'lu', ''],
    ['  s  two  spaces ', 's', ' two  spaces '],
    ['s\ttab', 's', 'tab'],
    ['s first\nsecond', 's', 'first\nsecond'],
  ])('splits %j', (line, word, rest) => {
    expect(splitFirstWord(line)).toEqual({ word, rest });
  });
});
