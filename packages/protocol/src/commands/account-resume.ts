import { z } from 'zod';
import { command } from '../command.js';
import { nameSchema, resumeTokenSchema } from '../values.js';

export const accountResume = command({
  access: 'stranger',
  rate: 'store',
  doc: 'Logs an enrolled device in again, without its password; takes over from a connection of the same device.',
  params: z.object({ token: resumeTokenSchema }),
  result: z.object({ user: nameSchema }),
  errors: ['TOKEN_INVALID', 'ALREADY_CONNECTED'],
});
