import { z } from 'zod';
import { command } from '../command.js';
import { lookupNameSchema, nameSchema } from '../values.js';

export const roomMembers = command({
  access: 'user',
  rate: 'light',
  doc: 'Who is in a room, by name.',
  params: z.object({ room: lookupNameSchema }),
  result: z.object({ room: nameSchema, members: z.array(nameSchema) }),
  errors: ['UNKNOWN_ROOM'],
});
