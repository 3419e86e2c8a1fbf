import { z } from 'zod';
import { command } from '../command.js';

export const accountLogout = command({
  access: 'user',
  rate: 'store',
  doc: 'Voids the resume token, ends the sessions, leaves the rooms and logs out; the connection stays.',
  params: z.object({}),
  result: z.object({}),
  errors: [],
});
