import { z } from 'zod';
import { command } from '../command.js';
import { candidatesSchema } from '../values.js';

export const pathPublish = command({
  access: 'user',
  rate: 'light',
  doc: 'Says where this device may be reached over UDP; used in the introductions from now on.',
  params: z.object({ candidates: candidatesSchema }),
  result: z.object({}),
  errors: [],
});
