import type { Handler } from './handler.js';

export const serverPing: Handler<'server.ping'> = () => ({});
