import { ParleyError } from '@parley/protocol';

/** Of 500 names each: more than any server has accounts. */
const pagesLimit = 2_000;

/** All that a list of the server holds, which comes in pages. @throws ParleyError INTERNAL for one that has no end */
export async function allPages<T>(
  page: (after: { after?: string }) => Promise<{ items: T[]; next: string | null }>,
): Promise<T[]> {
  const all: T[] = [];
  let next: string | null | undefined;
  for (let pages = 0; next !== null; pages += 1) {
    if (pages === pagesLimit) throw new ParleyError('INTERNAL', 'the list of the server is endless');
    const got = await page(next === undefined ? {} : { after: next });
    for (const item of got.items) all.push(item);
    // A page that leads nowhere new would never end either.
    if (got.next !== null && next !== undefined && got.next <= next)
      throw new ParleyError('INTERNAL', 'the pages of the server do not go on');
    next = got.next;
  }
  return all;
}
