import type { Handler } from './handler.js';

export const pathOffer: Handler<'path.offer'> = ({ peer, introduction, sealed }, { messenger, user }) => {
  messenger.offerPath(user, peer, introduction, sealed);
  return {};
};
