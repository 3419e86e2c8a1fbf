import { z } from 'zod';
import { command } from '../command.js';
import { lookupNameSchema } from '../values.js';

export const roomLeave = command({
  access: 'user',
  rate: 'light',
  doc: 'Leaves a room.',
  params: z.object({ room: lookupNameSchema }),
  result: z.object({}),
  errors: ['UNKNOWN_ROOM', 'NOT_MEMBER'],
});
