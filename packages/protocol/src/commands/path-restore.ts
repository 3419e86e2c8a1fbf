import { z } from 'zod';
import { command } from '../command.js';
import { idSchema, lookupNameSchema, relayGrantSchema } from '../values.js';

export const pathRestore = command({
  access: 'user',
  rate: 'light',
  doc: 'After a reconnect to a room: tells of an introduction to a member that still stands. Counted once both have told of it.',
  params: z.object({
    peer: lookupNameSchema,
    /** The room’s opening, which this device has entered again. */
    conversation: idSchema,
    introduction: idSchema,
  }),
  /** As that of session.restore. */
  result: z.object({ relay: relayGrantSchema.nullable() }),
  errors: ['NO_CONVERSATION'],
});
