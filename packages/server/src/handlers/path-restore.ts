import type { Handler } from './handler.js';

export const pathRestore: Handler<'path.restore'> = ({ peer, conversation, introduction }, { messenger, user }) => ({
  relay: messenger.restoreIntroduction(user, peer, conversation, introduction),
});
