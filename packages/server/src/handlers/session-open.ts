import type { Handler } from './handler.js';

export const sessionOpen: Handler<'session.open'> = async ({ peer }, { messenger, user }) => ({
  introduction: await messenger.openSession(user, peer),
});
