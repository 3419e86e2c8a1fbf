import { z } from 'zod';
import { command } from '../command.js';
import { idSchema, lookupNameSchema } from '../values.js';

export const sessionRestore = command({
  access: 'user',
  rate: 'light',
  doc: 'After a reconnect: tells of a session that went on meanwhile. Counted once both users have told of it.',
  params: z.object({ peer: lookupNameSchema, id: idSchema }),
  result: z.object({}),
  errors: [],
});
