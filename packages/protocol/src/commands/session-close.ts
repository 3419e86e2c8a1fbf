import { z } from 'zod';
import { command } from '../command.js';
import { closeReasonSchema, idSchema, lookupNameSchema } from '../values.js';

export const sessionClose = command({
  access: 'user',
  rate: 'light',
  doc: 'Ends the session of that introduction with a user, or takes back a call to that user. No error when there is none.',
  params: z.object({
    peer: lookupNameSchema,
    /** The introduction, so that a late word never ends a newer session; null takes back a call. */
    id: idSchema.nullable(),
    /** Why, for the other side: ended by the user, no network path, or a connection that broke. */
    reason: closeReasonSchema.catch('ended'),
  }),
  result: z.object({}),
  errors: [],
});
