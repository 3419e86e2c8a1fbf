import { limits } from '@parley/protocol';

/** Times that a caller may change, in milliseconds; tests shorten them. */
export interface EngineSettings {
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** A control connection is gone after this many intervals without a byte from the server. */
  readonly pingMisses: number;
  /** Null: what the server says in its hello. */
  readonly pingIntervalMs: number | null;
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
  /** How long a call rings here before it is declined. */
  readonly ringMs: number;
  /** How long leaving waits for the receipts of what was sent. */
  readonly lingerMs: number;
  /** How long all paths to a peer are tried. */
  readonly pathTimeoutMs: number;
  /** How long a link that stands may look for a direct path before its user hears of it. */
  readonly settleMs: number;
  /** A peer that was not heard of for this long, or holds up `send` and confirms nothing for as long, is lost; it is pinged after each `keepAliveMs` of silence. */
  readonly peerIdleTimeoutMs: number;
  readonly keepAliveMs: number;
}

export const defaultSettings: EngineSettings = {
  connectTimeoutMs: 10_000,
  requestTimeoutMs: 15_000,
  pingMisses: limits.pingMisses,
  pingIntervalMs: null,
  reconnectMinMs: 500,
  reconnectMaxMs: 30_000,
  ringMs: limits.ringMs,
  lingerMs: 3_000,
  pathTimeoutMs: 10_000,
  settleMs: 150,
  peerIdleTimeoutMs: 35_000,
  keepAliveMs: 10_000,
};
