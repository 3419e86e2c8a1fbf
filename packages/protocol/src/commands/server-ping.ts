import { z } from 'zod';
import { command } from '../command.js';

export const serverPing = command({
  access: 'anyone',
  rate: 'light',
  doc: 'Shows that the connection lives. The server sends an event of the same name at its own interval.',
  params: z.object({}),
  result: z.object({}),
  errors: [],
});
