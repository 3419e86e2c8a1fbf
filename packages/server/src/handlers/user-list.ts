import type { Handler } from './handler.js';

export const userList: Handler<'user.list'> = async (params, { messenger }) => {
  const { items, next } = await messenger.accounts.page(params);
  return { users: items, next };
};
