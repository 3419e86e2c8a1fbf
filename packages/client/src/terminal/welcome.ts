/** The questions at the start: which server, and who you are. Their answers are commands, run and shown like typed ones. */
import { ParleyError } from '@parley/protocol';
import type { ParleyClient } from '../engine/api.js';
import { newAccountName, newPassword } from './account-questions.js';
import type { Questions } from './questions.js';
import { quote } from './tokens.js';
import { defaultServer } from './typed-line.js';

const login = { value: 'login', name: 'log in' } as const;
const register = { value: 'register', name: 'create an account' } as const;

/**
 * Yields one command after another, each when the one before is done, until somebody is logged in or does not want to
 * answer.
 * @param isFirstUse whether these files are new, so that nobody can have an account yet
 */
export async function* welcome(
  server: string | undefined,
  isFirstUse: boolean,
  client: ParleyClient,
  questions: Questions,
  signal: AbortSignal,
): AsyncGenerator<string> {
  try {
    let wanted = server;
    while (client.status().server === null) {
      const asked = wanted ?? (await questions.text('Server:', server ?? defaultServer, signal));
      wanted = undefined;
      yield `c ${quote(asked)}`;
    }
    while (client.status().user === null) {
      const answer = await questions.choice<'login' | 'register'>(
        'You are new here, or come back?',
        isFirstUse ? [register, login] : [login, register],
        signal,
      );
      const isNew = answer === 'register';
      const name = await (isNew ? newAccountName(questions, signal) : questions.text('Name:', undefined, signal));
      const password = await (isNew ? newPassword(questions, signal) : questions.secret('Password:', signal));
      yield `${answer} ${quote(name)} ${quote(password)}`;
    }
  } catch (error) {
    // Whoever does not want to be asked goes on with commands.
    if (!(error instanceof ParleyError) || error.code !== 'ABORTED') throw error;
  }
}
