import type { Handler } from './handler.js';

export const sessionAnswer: Handler<'session.answer'> = ({ peer, answer }, { messenger, user }) => ({
  introduction: messenger.answerCall(user, peer, answer),
});
