import { z } from 'zod';
import {
  closeReasonSchema,
  doorSchema,
  frameBatchShape,
  idSchema,
  introductionSchema,
  nameSchema,
  relayFramesSchema,
  sealedOfferSchema,
} from './values.js';

interface Event<P extends z.ZodType = z.ZodType> {
  readonly params: P;
  readonly doc: string;
}

function event<P extends z.ZodType>(params: P, doc: string): Event<P> {
  return { params, doc };
}

const user = z.object({ peer: nameSchema });

/** Every notification from the server to a client by its JSON-RPC method name. */
export const events = {
  'server.ping': event(z.object({}), 'Shows that the connection lives.'),
  'server.shutdown': event(z.object({}), 'The server is about to end; come back later.'),
  'server.replaced': event(z.object({}), 'The account was resumed on another connection; this one is closed.'),
  'session.incoming': event(
    z.object({ peer: nameSchema, door: doorSchema }),
    'A user calls, by that door; answer with session.answer.',
  ),
  'session.cancelled': event(user, 'The caller has given up, or did not wait longer.'),
  'session.closed': event(
    z.object({ peer: nameSchema, id: idSchema, reason: closeReasonSchema.catch('ended') }),
    'The other side has ended the session of that introduction.',
  ),
  'room.joined': event(
    z.object({ room: nameSchema, user: nameSchema, introduction: introductionSchema.nullable() }),
    'A user entered a room you are in; null for one that came back and says the connection with you still stands.',
  ),
  'room.left': event(
    z.object({ room: nameSchema, user: nameSchema, reason: z.enum(['left', 'lost']) }),
    'A user left a room you are in, or has been out of the server’s reach for too long.',
  ),
  'gateway.frames': event(
    z.object({ peer: nameSchema, conversation: idSchema, ...frameBatchShape }),
    'What a user behind a gateway says in a session or room: numbered frames, each taken once.',
  ),
  'path.offered': event(
    z.object({ peer: nameSchema, introduction: idSchema, sealed: sealedOfferSchema }),
    'Where the other device of an introduction may be reached, sealed for this one.',
  ),
  'relay.frames': event(
    z.object({ frames: relayFramesSchema }),
    'Relay frames for this device, while the relay last heard it on this connection. What it reads too slowly is lost.',
  ),
  'room.closed': event(z.object({ room: nameSchema }), 'The owner closed a room you are in; you are out of it.'),
} as const;
