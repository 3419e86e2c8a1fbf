import type { Handler } from './handler.js';

export const accountLogin: Handler<'account.login'> = (params, { messenger, connection }) =>
  messenger.accounts.login(connection, params);
