import { ParleyError } from '@parley/protocol';
import type { Handler } from './handler.js';

export const gatewaySend: Handler<'gateway.send'> = (
  { peer, conversation, first, frames, received, resume },
  { messenger, user },
) => {
  const taken = messenger.carryFrames(user, peer, conversation, { first, frames, received }, resume);
  // Both are there as long as the server knows them to be together; only a device may be away.
  if (taken === undefined) throw new ParleyError('NO_CONVERSATION');
  return { received: taken };
};
