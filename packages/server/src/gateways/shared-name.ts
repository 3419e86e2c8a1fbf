import { limits } from '@parley/protocol';

/** What an older client may call its user, but for the length. */
const typedName = /^[a-z0-9][a-z0-9_ -]*$/i;

/**
 * The name under which all other users know one of an older system: in lower case, `-` for a space, and a `-` behind a
 * single character. Only what folds so simply is a name at all: then who sees the typed one cannot take it for another
 * user's, which is folded alike and had by one user only.
 * @returns undefined for all else, also for what is too long
 */
export function sharedName(typed: string): string | undefined {
  if (!typedName.test(typed) || typed.length > limits.nameCharacters) return undefined;
  return fold(typed);
}

/** The name that a typed one could be taken for where it is shown as it was typed: a capital I is like an l, an O like a 0. */
export function lookAlike(typed: string): string {
  return fold(typed.replaceAll('I', 'l').replaceAll('O', '0'));
}

function fold(typed: string): string {
  return typed.toLowerCase().replaceAll(' ', '-').padEnd(2, '-');
}
