import type { Handler } from './handler.js';

export const pathPublish: Handler<'path.publish'> = ({ candidates }, { messenger, user }) => {
  messenger.publish(user, candidates);
  return {};
};
