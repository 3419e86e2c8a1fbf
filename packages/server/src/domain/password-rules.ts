import { limits } from '@parley/protocol';

/**
 * The form in which a password is hashed: NFC, so that one typed on another keyboard is the same.
 * @returns undefined when it is too short, too long or no valid Unicode.
 */
export function normalPassword(password: string): string | undefined {
  if (!password.isWellFormed()) return undefined;
  const normal = password.normalize('NFC');
  const characters = Array.from(normal).length;
  return characters >= limits.passwordMinCharacters && characters <= limits.passwordMaxCharacters ? normal : undefined;
}
