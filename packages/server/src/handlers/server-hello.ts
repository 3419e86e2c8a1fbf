import { ParleyError, protocolVersion } from '@parley/protocol';
import type { Handler } from './handler.js';

export const serverHello: Handler<'server.hello'> = ({ protocol }, { server }) => {
  if (protocol < 1) throw new ParleyError('VERSION_UNSUPPORTED');
  // A newer client decides whether it can speak the older version.
  return { protocol: Math.min(protocol, protocolVersion), ...server, time: Date.now() };
};
