import { limits, rates } from '@parley/protocol';
import type { RelayLimits } from '@parley/rendezvous';
import type { DispatcherSettings } from './dispatch/request-dispatcher.js';
import type { Rate } from './dispatch/token-bucket.js';
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
  /** Answers to STUN requests of one network: they are larger than what they answer, whose source may be forged. */
  readonly stunRate: Rate;
  /** What the blind relay may carry; null: it is off. */
  readonly relay: RelayLimits | null;
  /** Where the gateways listen. Their clients are not encrypted, so elsewhere than on loopback only by wish. */
  readonly gatewayHost: string;
  /** The gateways for older systems; null: off. */
  readonly line: LineSettings | null;
  readonly peer: PeerSettings | null;
  readonly pair: PairSettings | null;
  readonly log: Log;
}

export type StartOptions = Partial<ServerOptions> & Pick<ServerOptions, 'dataDirectory'>;

/** For a small machine: a tenth of it to each who asks for all. */
export const defaultRelayLimits: RelayLimits = {
  channels: 20_000,
  // A session each with the friends, and the members of some full rooms.
  channelsPerUser: 512,
  userBytesPerSecond: 2_000_000,
  bytesPerSecond: 20_000_000,
  userQuotaBytes: 10_000_000_000,
  quotaPeriodMs: 24 * 3_600_000,
  queueDatagrams: 32,
  queueBytes: 64 * 1024,
  queuesBytes: 32 * 1024 * 1024,
};

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
  lineRate: { burst: 4_000, perSecond: 2_000 },
  sendQueueBytes: limits.sendQueueBytes,
  lossyQueueBytes: 128 * 1024,
  sendQueuesBytes: 256 * 1024 * 1024,
  lingerMs: 3_000,
  tlsHandshakeMs: limits.tlsHandshakeMs,
  // A start asks for some ten answers; many homes may share one address.
  stunRate: { burst: 200, perSecond: 50 },
  relay: defaultRelayLimits,
  gatewayHost: '127.0.0.1',
  line: null,
  peer: null,
  pair: null,
  log: silentLog,
};
