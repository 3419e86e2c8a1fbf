import { z } from 'zod';
import { command } from '../command.js';
import { introductionSchema, lookupNameSchema } from '../values.js';

export const sessionOpen = command({
  access: 'user',
  rate: 'introduce',
  doc: 'Calls a user; answered when that user has accepted or declined. Two users who call each other are joined.',
  params: z.object({ peer: lookupNameSchema }),
  result: z.object({ introduction: introductionSchema }),
  errors: ['UNKNOWN_USER', 'USER_OFFLINE', 'SELF', 'BUSY', 'DECLINED', 'NO_PATH'],
});
