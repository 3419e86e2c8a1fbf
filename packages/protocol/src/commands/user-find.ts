import { z } from 'zod';
import { command } from '../command.js';
import { lookupNameSchema, nameSchema } from '../values.js';

export const userFind = command({
  access: 'user',
  rate: 'store',
  doc: 'Whether there is a user of this name, and is online.',
  params: z.object({ name: lookupNameSchema }),
  result: z.object({ name: nameSchema, online: z.boolean() }),
  errors: ['UNKNOWN_USER'],
});
