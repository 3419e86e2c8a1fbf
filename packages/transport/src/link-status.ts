import type { Connection } from './connection.js';
import type { LinkState, LinkStatus } from './link-event.js';
import type { LinkPath } from './link-path.js';
import type { KeyRing } from './session/key-ring.js';

/** The parts of a link that say how it is. */
export interface LinkParts {
  readonly state: LinkState;
  readonly rttMs: number | undefined;
  readonly keys: KeyRing;
  readonly connection: Connection;
  readonly path: LinkPath | undefined;
  readonly peerHasFinalKeys: boolean;
}

export function linkStatus(now: number, parts: LinkParts): LinkStatus {
  const { state, rttMs, keys, connection, path, peerHasFinalKeys } = parts;
  const { congestion, datagramBytes, packetCounts } = connection;
  return {
    state,
    path: path?.address,
    isPathProven: path?.isProven ?? false,
    rttMs,
    datagramBytes,
    sentPackets: packetCounts.sent,
    lostPackets: packetCounts.lost,
    unansweredMs: connection.unansweredMs(now),
    congestion: { name: congestion.name, phase: congestion.phase, windowBytes: congestion.windowBytes },
    keys: {
      epoch: Math.max(0, keys.epoch),
      ageMs: keys.current && now - keys.current.createdAt,
      postQuantum: { ours: keys.epoch > 0 || keys.current?.isFinal === true, peers: peerHasFinalKeys },
    },
  };
}
