import type { Handler } from './handler.js';

export const relaySend: Handler<'relay.send'> = ({ frames }, { relay, user }) => {
  relay?.receiveOnControl(user.name, frames);
  return {};
};
