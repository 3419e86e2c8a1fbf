import type { Handler } from './handler.js';

export const sessionClose: Handler<'session.close'> = ({ peer, reason }, { messenger, user }) => {
  messenger.closeSession(user, peer, reason);
  return {};
};
