/** Failures in words, for people: what happened, and what to do next. */
import { ParleyError, type ErrorCode } from '@parley/protocol';
import { printable } from '@parley/text';

/** What a user can do about it, where the message alone does not tell. */
const nextSteps: Partial<Record<ErrorCode, string>> = {
  ALREADY_CONNECTED: 'd leaves the server here; elsewhere, leave it there first',
  ALREADY_LOGGED_IN: 'd leaves the server, then c connects again',
  BAD_CREDENTIALS: 'names are lower case; register creates an account',
  BUSY: 'try again later, or meet in a room: or <room>',
  DECLINED: 'try again later',
  NAME_TAKEN: 'choose another name, or log in',
  NO_CALLER: 'a call rings for 30 seconds',
  NO_CONVERSATION: 'o <user> opens a session, or <room> enters a room',
  NOT_CONNECTED: 'c <host>[:port] connects to a server',
  NOT_LOGGED_IN: 'login <user> <password>, or register',
  PEER_LOST: 'o <user> tries again',
  PROFILE_LOCKED: 'use another profile: --profile NAME',
  PROFILE_UNUSABLE: 'check the rights of the directory, or choose another one: --home DIR',
  RATE_LIMITED: 'wait a little',
  ROOM_LIMIT: 'close one of yours: cr <room>',
  SERVER_BUSY: 'wait a little',
  SERVER_FULL: 'try again later',
  SERVER_LOST: 'it is tried again by itself; l shows when it is back',
  SERVER_UNREACHABLE: 'check host and port, and that the server runs; without TLS both sides need --no-tls',
  UNKNOWN_ROOM: 'lr lists the rooms',
  UNKNOWN_USER: 'lu lists the users; names are lower case',
  USER_OFFLINE: 'lcu lists who is online',
};

/** `error CODE: message (what to do next)`, on one line. */
export function errorLine(error: ParleyError): string {
  const step = nextSteps[error.code];
  return `error ${error.code}: ${printable(error.message)}${step === undefined ? '' : ` (${step})`}`;
}

/** Whatever was thrown, as an error with a code: what has none is a defect here. */
export function asParleyError(thrown: unknown, signal?: AbortSignal): ParleyError {
  if (thrown instanceof ParleyError) return thrown;
  if (signal?.aborted) return new ParleyError('ABORTED', undefined, { cause: thrown });
  const what = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return new ParleyError('INTERNAL', `a defect of this program: ${what}`, { cause: thrown });
}
