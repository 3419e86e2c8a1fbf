import { z } from 'zod';
import { command } from '../command.js';
import { frameBatchShape, idSchema, lookupNameSchema } from '../values.js';

export const gatewaySend = command({
  access: 'user',
  rate: 'gateway',
  doc: 'Says something to a user behind a gateway, who is in that session or room too. The server can read it.',
  params: z.object({
    peer: lookupNameSchema,
    /** The session, or the room’s opening. */
    conversation: idSchema,
    ...frameBatchShape,
    /**
     * The first word of a link, and of each new connection after it: before this nothing comes from the other end, and then
     * all that `received` does not count.
     */
    resume: z.boolean().default(false),
  }),
  /** How many frames have come from here. */
  result: z.object({ received: z.int().min(0) }),
  errors: ['NO_CONVERSATION'],
});
