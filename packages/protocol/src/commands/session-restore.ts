import { z } from 'zod';
import { command } from '../command.js';
import { idSchema, lookupNameSchema, relayGrantSchema } from '../values.js';

export const sessionRestore = command({
  access: 'user',
  rate: 'light',
  doc: 'After a reconnect: tells of a session that went on meanwhile. Counted once both users have told of it.',
  params: z.object({ peer: lookupNameSchema, id: idSchema }),
  /** This side of the session’s channel, a new one where the server knew of none; it opens once both have told. */
  result: z.object({ relay: relayGrantSchema.nullable().default(null) }),
  errors: [],
});
