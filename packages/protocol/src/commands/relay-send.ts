import { z } from 'zod';
import { command } from '../command.js';
import { relayFramesSchema } from '../values.js';

export const relaySend = command({
  access: 'user',
  rate: 'relay',
  doc: 'Relay frames of this device, where UDP does not reach the relay. What it cannot forward is lost, as datagrams are.',
  params: z.object({ frames: relayFramesSchema }),
  result: z.object({}),
  errors: [],
});
