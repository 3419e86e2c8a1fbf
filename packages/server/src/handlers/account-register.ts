import type { Handler } from './handler.js';

export const accountRegister: Handler<'account.register'> = (params, { messenger, connection }) =>
  messenger.accounts.register(connection, params);
