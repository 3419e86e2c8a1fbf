import { limits, rates } from '@parley/protocol';
import type { DispatcherSettings } from './dispatch/request-dispatcher.js';
import { defaultDomainSettings, type DomainSettings } from './domain/index.js';
import type { ConnectionSettings } from './listeners/control-connection.js';
import type { LineSettings, PairSettings, PeerSettings } from './gateways/gateway-parts.js';
import { silentLog, type Log } from './log.js';

/** What a server is started with. Times in milliseconds. */
export interface ServerOptions extends DomainSettings, DispatcherSettings, ConnectionSettings {
  /** Where all that outlives the process is kept; made when it is not there. */
  readonly dataDirectory: string;
  /** Where to listen; undefined: on all interfaces. */
  readonly host: string | undefined;
  /** Of TCP and UDP; 0 picks one that is free for both. */
  readonly port: number;
  /** False: plain TCP, for loopback or behind a proxy that ends TLS. */
  readonly tls: boolean;
  /** Whether the LAN is told by DNS-SD that there is a server; on loopback alone it never is. */
  readonly announce: boolean;
  /** Control connections; one more is told SERVER_FULL. */
  readonly maxClients: number;
  /** Of password hashing: each step doubles the work. */
  readonly bcryptCost: number;
  readonly tlsHandshakeMs: number;
  /** What may wait to be written to all clients together; then those with the longest queues are dropped. */
  readonly sendQueuesBytes: number;
  /** Where the gateways listen. Their clients are not encrypted, so elsewhere than on loopback only by wish. */
  readonly gatewayHost: string;
  /** The gateways for older systems; null: off. */
  readonly line: LineSettings | null;
  readonly peer: PeerSettings | null;
  readonly pair: PairSettings | null;
  readonly log: Log;
}

export type StartOptions = Partial<ServerOptions> & Pick<ServerOptions, 'dataDirectory'>;

export const defaultOptions: Omit<ServerOptions, 'dataDirectory'> = {
  ...defaultDomainSettings,
  host: undefined,
  port: 7420,
  tls: true,
  announce: true,
  maxClients: 10_000,
  bcryptCost: 12,
  rates,
  pendingRequests: limits.pendingRequests,
  pingIntervalMs: limits.pingIntervalMs,
  pingMisses: limits.pingMisses,
  lineBytes: limits.lineBytes,
  // Above what the rate classes let through together, so that a client gets their answers first.
  lineRate: { burst: 2_000, perSecond: 1_000 },
  sendQueueBytes: limits.sendQueueBytes,
  sendQueuesBytes: 256 * 1024 * 1024,
  lingerMs: 3_000,
  tlsHandshakeMs: limits.tlsHandshakeMs,
  gatewayHost: '127.0.0.1',
  line: null,
  peer: null,
  pair: null,
  log: silentLog,
};
