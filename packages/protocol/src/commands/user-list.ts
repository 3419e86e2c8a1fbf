import { z } from 'zod';
import { command } from '../command.js';
import { nameSchema, pageNext, pageParams } from '../values.js';

export const userList = command({
  access: 'user',
  rate: 'store',
  doc: 'A page of all accounts, by name, and whether each is online.',
  params: z.object(pageParams),
  result: z.object({ users: z.array(z.object({ name: nameSchema, online: z.boolean() })), next: pageNext }),
  errors: [],
});
