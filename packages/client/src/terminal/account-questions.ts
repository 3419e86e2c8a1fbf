/** What a new account is asked for: mistakes that can be seen here are seen before more is asked. */
import { errorFacts, namePattern, ParleyError } from '@parley/protocol';
import type { ParleyClient } from '../engine/api.js';
import type { Questions } from './questions.js';

/** @throws ParleyError when whoever would be asked now could not log in anyway */
export function refuseLoginInVain(client: ParleyClient): void {
  const { server, lostServer, user } = client.status();
  if (user !== null) throw new ParleyError('ALREADY_LOGGED_IN', `already logged in as ${user}`);
  if (server === null && lostServer === null) throw new ParleyError('NOT_CONNECTED');
}

export function newAccountName(questions: Questions, signal: AbortSignal): Promise<string> {
  return questions.text('Name:', undefined, signal, nameProblem);
}

/** @returns what is wrong with the form of a name, or undefined */
export function nameProblem(name: string): string | undefined {
  return namePattern.test(name) ? undefined : errorFacts('NAME_INVALID').doc;
}

/** Asked for twice, as nobody sees what is typed. */
export async function newPassword(questions: Questions, signal: AbortSignal): Promise<string> {
  let message = 'Password:';
  for (;;) {
    const password = await questions.secret(message, signal);
    if ((await questions.secret('Password again:', signal)) === password) return password;
    message = 'The two were not the same. Password:';
  }
}
