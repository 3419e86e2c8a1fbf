import type { Handler } from './handler.js';

export const userConnected: Handler<'user.connected'> = (params, { messenger }) => {
  const { items, next } = messenger.onlinePage(params);
  return { users: items, next };
};
