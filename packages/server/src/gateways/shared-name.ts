/**
 * The name under which all other users know one of an older system, whose own names may be of any kind: lower case,
 * `-` for what cannot stand in a name, and a `-` behind a single character. So names that look alike are one name, and
 * only one user has it.
 * @returns a text that may still be no name (`namePattern`), when it does not begin with a letter or digit or is too long
 */
export function sharedName(typed: string): string {
  return typed
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/gu, '-')
    .padEnd(2, '-');
}
