import { describe, expect, it } from '@jest/globals';
import { allPages } from './pages.js';

interface Page {
  items: string[];
  next: string | null;
}

/** Gives these pages in turn, and remembers what was asked. */
function pagesOf(...pages: Page[]) {
  const asked: object[] = [];
  const page = (after: { after?: string }): Promise<Page> => {
    asked.push(after);
    return Promise.resolve(pages[asked.length - 1] ?? { items: [], next: null });
  };
  return { asked, page };
}

describe('allPages', () => {
  it('puts the pages together, and asks for each behind the last name of the one before', async () => {
    const { asked, page } = pagesOf(
      { items: ['a', 'b'], next: 'b' },
      { items: ['c'], next: 'c' },
      { items: [], next: null },
    );
    expect(await allPages(page)).toEqual(['a', 'b', 'c']);
    expect(asked).toEqual([{}, { after: 'b' }, { after: 'c' }]);
  });

  it('asks once for a list of one page', async () => {
    const { asked, page } = pagesOf({ items: ['a'], next: null });
    expect(await allPages(page)).toEqual(['a']);
    expect(asked).toHaveLength(1);
  });

  it.each([
    ['the same', 'b'],
    ['an earlier one', 'a'],
  ])('a page that leads to %s would never end', async (_, next) => {
    const { page } = pagesOf({ items: ['a', 'b'], next: 'b' }, { items: ['b'], next });
    await expect(allPages(page)).rejects.toMatchObject({ code: 'INTERNAL' });
  });

  it('a list that goes on and on is given up', async () => {
    let asked = 0;
    const page = (): Promise<Page> => {
      asked += 1;
      return Promise.resolve({ items: [], next: String(asked).padStart(6, '0') });
    };
    await expect(allPages(page)).rejects.toMatchObject({
      code: 'INTERNAL',
      message: 'the list of the server is endless',
    });
    expect(asked).toBe(2_000);
  });
});
