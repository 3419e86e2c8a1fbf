import { z } from 'zod';
import { command } from '../command.js';
import { deviceKeySchema, nameSchema, passwordSchema, resumeTokenSchema } from '../values.js';

export const accountLogin = command({
  access: 'stranger',
  rate: 'password',
  doc: 'Logs in with a password and enrols this device. Unknown names get the same answer in the same time.',
  params: z.object({ name: z.string(), password: passwordSchema, deviceKey: deviceKeySchema }),
  result: z.object({ user: nameSchema, resumeToken: resumeTokenSchema }),
  errors: ['BAD_CREDENTIALS', 'ALREADY_CONNECTED', 'SERVER_BUSY'],
});
