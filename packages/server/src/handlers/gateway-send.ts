import { ParleyError } from '@parley/protocol';
import type { Handler } from './handler.js';

export const gatewaySend: Handler<'gateway.send'> = (
  { peer, conversation, first, frames, received, resume },
  { messenger, user },
) => {
  const taken = messenger.carryFrames(user, peer, conversation, { first, frames, received }, resume);
  // Only a device says later what it has taken, and to devices the server carries nothing.
  if (taken === undefined) throw new ParleyError('NO_CONVERSATION');
  return { received: taken };
};
