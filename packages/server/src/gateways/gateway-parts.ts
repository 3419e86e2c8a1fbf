import type { NetworkRates } from '../dispatch/network-rates.js';
import type { Clock, Messenger } from '../domain/index.js';
import type { Log } from '../log.js';

/** A telnet text service. */
export interface LineSettings {
  /** 0 picks a free one. */
  readonly port: number;
  /** Registered at once. */
  readonly maxUsers: number;
  /** BCST goes to everyone online, not to the line users alone. */
  readonly broadcastAll: boolean;
}

/** A directory for clients that speak in C structs. */
export interface PeerSettings {
  readonly port: number;
  readonly maxUsers: number;
  /** Clients listen on `basePort` and up, the server for others on those behind. */
  readonly basePort: number;
  /** How often a client says that it lives; after two of these it is dropped. 0: never. */
  readonly aliveMs: number;
  /** A MSG_SHUTDOWN from loopback ends the server. */
  readonly allowShutdown: boolean;
}

/** A half-duplex chat of two. */
export interface PairSettings {
  readonly port: number;
  readonly maxUsers: number;
}

/** What every gateway is built from. */
export interface GatewayParts {
  readonly messenger: Messenger;
  readonly clock: Clock;
  /** Milliseconds of a clock that does not jump. */
  readonly monotonicMs: () => number;
  /**
   * What makes others receive something goes no faster than from a client of our own; but the clients of a network count
   * together, for here one may come anew as often as one likes.
   */
  readonly introductions: NetworkRates;
  readonly log: Log;
  /** Ends the whole server. */
  readonly stopServer: () => void;
}
