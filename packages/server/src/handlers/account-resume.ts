import type { Handler } from './handler.js';

export const accountResume: Handler<'account.resume'> = ({ token }, { messenger, connection }) =>
  messenger.accounts.resume(connection, token);
