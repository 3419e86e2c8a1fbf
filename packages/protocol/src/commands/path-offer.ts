import { z } from 'zod';
import { command } from '../command.js';
import { idSchema, lookupNameSchema, sealedOfferSchema } from '../values.js';

export const pathOffer = command({
  access: 'user',
  rate: 'light',
  doc: 'Passes on, sealed for the other device of a standing introduction, where this device may be reached. What that one reads too slowly is lost.',
  params: z.object({ peer: lookupNameSchema, introduction: idSchema, sealed: sealedOfferSchema }),
  result: z.object({}),
  /** USER_OFFLINE: the other device is, for now; it is to be told again later. */
  errors: ['NO_CONVERSATION', 'USER_OFFLINE'],
});
