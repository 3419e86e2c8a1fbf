import type { Handler } from './handler.js';

export const sessionRestore: Handler<'session.restore'> = ({ peer, id }, { messenger, user }) => ({
  relay: messenger.restoreSession(user, peer, id),
});
