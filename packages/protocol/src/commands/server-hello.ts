import { z } from 'zod';
import { command } from '../command.js';

export const serverHello = command({
  access: 'anyone',
  rate: 'light',
  doc: 'Agrees on the protocol version; a client asks this first.',
  params: z.object({ protocol: z.int(), agent: z.string().max(100) }),
  result: z.object({
    protocol: z.int(),
    agent: z.string().max(100),
    /** The UDP port that answers STUN Binding, on the host of this connection. */
    stunPort: z.int().min(1).max(65_535),
    /** Another UDP port that does: two tell what kind of NAT lies between. */
    otherStunPort: z.int().min(1).max(65_535).nullable().default(null),
    /** Whether the server relays between devices that have no direct path; by UDP on `stunPort`. */
    relays: z.boolean().default(false),
    /** The server’s clock, milliseconds since 1970. */
    time: z.number().nullable().default(null),
    /** How often each side pings; after two intervals of silence the connection is gone. */
    pingIntervalMs: z.number().min(10).max(600_000),
  }),
  errors: ['VERSION_UNSUPPORTED', 'SERVER_FULL', 'SERVER_SHUTDOWN'],
});
