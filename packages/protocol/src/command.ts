import type { z } from 'zod';
import type { ErrorCode } from './errors.js';
import type { RateClass } from './limits.js';

/** Who may call: anybody, only a connection that has not logged in, or only one that has. */
export type Access = 'anyone' | 'stranger' | 'user';

/** One request of the control protocol, declared once: the server's handlers, the client's calls and the docs follow. */
export interface Command<P extends z.ZodType = z.ZodType, R extends z.ZodType = z.ZodType, A extends Access = Access> {
  readonly access: A;
  readonly rate: RateClass;
  readonly params: P;
  readonly result: R;
  /** What it may answer besides the errors that every command has. */
  readonly errors: readonly ErrorCode[];
  readonly doc: string;
}

export function command<P extends z.ZodType, R extends z.ZodType, A extends Access>(
  declaration: Command<P, R, A>,
): Command<P, R, A> {
  return declaration;
}

/** What every command may answer besides its own errors. */
export const generalErrors: readonly ErrorCode[] = [
  'PARSE_ERROR',
  'INVALID_REQUEST',
  'UNKNOWN_METHOD',
  'INVALID_PARAMS',
  'INTERNAL',
  'NOT_LOGGED_IN',
  'ALREADY_LOGGED_IN',
  'RATE_LIMITED',
  'LINE_TOO_LONG',
  'SERVER_FULL',
  'SERVER_SHUTDOWN',
];
