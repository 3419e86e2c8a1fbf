import { z } from 'zod';
import { command } from '../command.js';
import { introductionSchema, lookupNameSchema } from '../values.js';

export const sessionAnswer = command({
  access: 'user',
  rate: 'light',
  doc: 'Answers a caller. An accepted call gives the introduction; `null` for the two other answers.',
  params: z.object({ peer: lookupNameSchema, answer: z.enum(['accept', 'decline', 'busy']) }),
  result: z.object({ introduction: introductionSchema.nullable() }),
  errors: ['NO_CALLER'],
});
