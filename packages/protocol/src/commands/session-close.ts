import { z } from 'zod';
import { command } from '../command.js';
import { lookupNameSchema } from '../values.js';

export const sessionClose = command({
  access: 'user',
  rate: 'light',
  doc: 'Ends the session with a user, or takes back a call to that user. No error when there is none.',
  params: z.object({
    peer: lookupNameSchema,
    /** Why, for the other side: ended by the user, no network path, or a connection that broke. */
    reason: z.enum(['ended', 'NO_PATH', 'PEER_LOST', 'KEY_CHANGED']),
  }),
  result: z.object({}),
  errors: [],
});
