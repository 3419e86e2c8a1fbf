import { z } from 'zod';
import { command } from '../command.js';
import { limits } from '../limits.js';
import { idSchema, introductionSchema, nameSchema } from '../values.js';

export const roomEnter = command({
  access: 'user',
  rate: 'introduce',
  doc: 'Enters a room, or opens it as its owner when there is none of that name; introduces the newcomer to each member.',
  params: z.object({
    room: z.string(),
    /** After a reconnect: the opening this device was in; UNKNOWN_ROOM when it was closed meanwhile. */
    id: idSchema.optional(),
    /** After a reconnect: members that this device still has a connection with, who need no new introduction. */
    linked: z.array(nameSchema).max(limits.roomMembersMax).optional(),
  }),
  result: z.object({
    room: nameSchema,
    /** Names the conversation until the room is closed. */
    id: idSchema,
    owner: nameSchema,
    members: z.array(nameSchema),
    introductions: z.array(introductionSchema),
  }),
  errors: ['NAME_INVALID', 'ROOM_FULL', 'ROOM_LIMIT', 'UNKNOWN_ROOM'],
});
