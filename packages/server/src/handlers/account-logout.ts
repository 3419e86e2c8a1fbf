import type { Handler } from './handler.js';

export const accountLogout: Handler<'account.logout'> = async (_params, { messenger, user }) => {
  await messenger.accounts.logout(user);
  return {};
};
