/** The Messenger Server App as a library: for tests, demos, and programs that bring their own server along. */
export type { AdminResult } from './admin/admin-console.js';
export { startServer, type RunningServer } from './compose.js';
export type { HostAndPort } from './listeners/host-and-port.js';
export { createLog, type Log, type LogLevel } from './log.js';
export { defaultOptions, type ServerOptions, type StartOptions } from './options.js';
export { StartFailure } from './start-failure.js';
export { version } from './version.js';
