import { limits } from '@parley/protocol';

/** Which part of a list is asked for: what comes behind `after`, at most `limit`. */
export interface PageRequest {
  readonly after?: string | undefined;
  readonly limit?: number | undefined;
}

export interface Page<T> {
  readonly items: T[];
  /** What to go on behind, or null at the end of the list. */
  readonly next: string | null;
}

export function pageLimit(request: PageRequest): number {
  return Math.min(request.limit ?? limits.pageNames, limits.pageNames);
}

/** Cuts a page out of `found`, which was read one item beyond the limit to see whether there is more. */
export function cutPage<T>(found: readonly T[], limit: number, nameOf: (item: T) => string): Page<T> {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, next: found.length > limit && last !== undefined ? nameOf(last) : null };
}
