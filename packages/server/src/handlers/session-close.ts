import type { Handler } from './handler.js';

export const sessionClose: Handler<'session.close'> = ({ peer, id, reason }, { messenger, user }) => {
  if (id === null) messenger.cancelCall(user, peer);
  else messenger.closeSession(user, peer, id, reason);
  return {};
};
