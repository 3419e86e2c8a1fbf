import { z } from 'zod';
import { command } from '../command.js';
import { doorSchema, nameSchema, pageNext, pageParams } from '../values.js';

export const userConnected = command({
  access: 'user',
  rate: 'light',
  doc: 'A page of the users who are online, by name, and by which door each came.',
  params: z.object(pageParams),
  result: z.object({ users: z.array(z.object({ name: nameSchema, door: doorSchema })), next: pageNext }),
  errors: [],
});
