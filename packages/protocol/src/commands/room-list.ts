import { z } from 'zod';
import { command } from '../command.js';
import { nameSchema, pageNext, pageParams } from '../values.js';

export const roomList = command({
  access: 'user',
  rate: 'store',
  doc: 'A page of all rooms, by name, with the owner and how many are in it.',
  params: z.object(pageParams),
  result: z.object({
    rooms: z.array(z.object({ name: nameSchema, owner: nameSchema, members: z.int() })),
    next: pageNext,
  }),
  errors: [],
});
