import { limits } from '@parley/protocol';
import { defaultDomainSettings, type DomainSettings } from './domain/index.js';
import { silentLog, type Log } from './log.js';

/** What a server is started with. Times in milliseconds. */
export interface ServerOptions extends DomainSettings {
  /** Where all that outlives the process is kept; made when it is not there. */
  readonly dataDirectory: string;
  /** Where to listen; undefined: on all interfaces. */
  readonly host: string | undefined;
  /** Of TCP and UDP; 0 picks one that is free for both. */
  readonly port: number;
  /** False: plain TCP, for loopback or behind a proxy that ends TLS. */
  readonly tls: boolean;
  /** Control connections; one more is told SERVER_FULL. */
  readonly maxClients: number;
  /** Of password hashing: each step doubles the work. */
  readonly bcryptCost: number;
  readonly pingIntervalMs: number;
  /** How long a client may take to read the last lines before its connection is cut. */
  readonly lingerMs: number;
  readonly log: Log;
}

export type StartOptions = Partial<ServerOptions> & Pick<ServerOptions, 'dataDirectory'>;

export const defaultOptions: Omit<ServerOptions, 'dataDirectory'> = {
  ...defaultDomainSettings,
  host: undefined,
  port: 7420,
  tls: true,
  maxClients: 10_000,
  bcryptCost: 12,
  pingIntervalMs: limits.pingIntervalMs,
  lingerMs: 3_000,
  log: silentLog,
};
