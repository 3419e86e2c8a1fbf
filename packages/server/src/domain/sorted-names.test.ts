import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SortedNames } from './sorted-names.js';

it('is a set in ascending order, page by page', () => {
  const name = fc.string({ maxLength: 3 });
  fc.assert(
    fc.property(fc.array(name), fc.array(name), name, fc.nat(5), (added, deleted, after, limit) => {
      const names = new SortedNames();
      const expected = new Set<string>();
      for (const one of added) {
        names.add(one);
        expected.add(one);
      }
      for (const one of deleted) {
        names.delete(one);
        expected.delete(one);
      }
      const sorted = [...expected].sort();
      expect(names.after(undefined, Infinity)).toEqual(sorted);
      expect(names.after(after, limit)).toEqual(sorted.filter((one) => one > after).slice(0, limit));
    }),
  );
});
