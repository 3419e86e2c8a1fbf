/** Checks of what a user typed behind a command. Messages name the argument, never its value: it may be a password. */
import { limits, ParleyError } from '@parley/protocol';
import { printable } from '@parley/text';
import { tokenize } from './tokens.js';

/** Names are looked up as typed; the server knows which can exist. */
const maxNameCharacters = 256;
/** A host name has at most 253 characters (RFC 1035, 2.3.4), a port five. */
const maxServerCharacters = 260;
/** Well over what can be a password, so that the server has the last word on its length, yet no line gets too long. */
const maxPasswordCharacters = limits.passwordMaxCharacters * 4;

export function noArguments(rest: string): undefined {
  words(rest, []);
  return undefined;
}

export function userArgument(rest: string): string {
  return checked('the user', words(rest, ['the user'])[0], maxNameCharacters);
}

export function roomArgument(rest: string): string {
  return checked('the room', words(rest, ['the room'])[0], maxNameCharacters);
}

/** Undefined when none is given. */
export function serverArgument(rest: string): string | undefined {
  return tokenize(rest).length === 0
    ? undefined
    : checked('the server', words(rest, ['the server'])[0], maxServerCharacters);
}

export function trustArgument(rest: string): string {
  const what = 'the user or server';
  return checked(what, words(rest, [what])[0], maxServerCharacters);
}

export function credentialArguments(rest: string): { name: string; password: string } {
  const [name, password = ''] = words(rest, ['the user', 'the password']);
  // The server has no better answer to a password than its rules: too long is too long.
  if (password.length > maxPasswordCharacters) throw new ParleyError('PASSWORD_INVALID');
  return {
    name: checked('the user', name, maxNameCharacters),
    password: checked('the password', password, maxPasswordCharacters, { empty: true }),
  };
}

/** The words of `rest`, one for each of `expected`. */
export function words(rest: string, expected: readonly string[]): string[] {
  const found = tokenize(rest);
  const missing = expected[found.length];
  if (missing !== undefined) throw new ParleyError('USAGE', `${missing} is missing`);
  if (found.length > expected.length) {
    const wanted = expected.length === 0 ? 'none' : String(expected.length);
    throw new ParleyError('USAGE', `too many arguments: ${wanted} wanted, ${String(found.length)} given`);
  }
  return found;
}

export function checked(
  what: string,
  value: string | undefined,
  maxCharacters: number,
  allow: { empty?: boolean } = {},
): string {
  if (value === undefined || (value === '' && !allow.empty)) throw new ParleyError('USAGE', `${what} is empty`);
  if (value.length > maxCharacters) {
    throw new ParleyError('USAGE', `${what} is longer than ${String(maxCharacters)} characters`);
  }
  if (printable(value) !== value) throw new ParleyError('USAGE', `${what} holds control characters`);
  return value;
}
