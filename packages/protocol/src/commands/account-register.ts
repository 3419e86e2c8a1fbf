import { z } from 'zod';
import { command } from '../command.js';
import { deviceKeySchema, nameSchema, passwordSchema, resumeTokenSchema } from '../values.js';

export const accountRegister = command({
  access: 'stranger',
  rate: 'password',
  doc: 'Creates an account, enrols this device and logs in.',
  params: z.object({ name: z.string(), password: passwordSchema, deviceKey: deviceKeySchema }),
  result: z.object({ user: nameSchema, resumeToken: resumeTokenSchema }),
  errors: ['NAME_INVALID', 'NAME_TAKEN', 'PASSWORD_INVALID', 'SERVER_BUSY'],
});
