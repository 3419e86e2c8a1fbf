import { z } from 'zod';
import { command } from '../command.js';
import { lookupNameSchema } from '../values.js';

export const roomClose = command({
  access: 'user',
  rate: 'store',
  doc: 'Closes a room for all in it. Its owner only.',
  params: z.object({ room: lookupNameSchema }),
  result: z.object({}),
  errors: ['UNKNOWN_ROOM', 'NOT_OWNER'],
});
