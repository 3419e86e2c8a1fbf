import { limits } from '@parley/protocol';

/** What an operator or a test may change. */
export interface DomainSettings {
  readonly roomMembers: number;
  /** Rooms one account may own. */
  readonly roomsOwned: number;
  readonly ringMs: number;
  readonly resumeGraceMs: number;
  readonly resumeTokenMs: number;
}

export const defaultDomainSettings: DomainSettings = {
  roomMembers: limits.roomMembers,
  roomsOwned: limits.roomsOwned,
  ringMs: limits.ringMs,
  resumeGraceMs: limits.resumeGraceMs,
  resumeTokenMs: limits.resumeTokenMs,
};

/** Bounds on what one user can make the server remember; honest clients stay far below. */
export const userBounds = {
  /** Devices that may resume; one more voids the longest unused. */
  devices: 16,
  /** Sessions, and claims to have one; RATE_LIMITED beyond, for claims the oldest goes. */
  sessions: 256,
  /** Peers of whom one says that an introduction still stands: the members of the largest rooms. The oldest goes. */
  claimedPeers: 1_024,
  /** Peers that did not come back, with whom introductions stand all the same; beyond, they end. */
  lostPeers: 256,
  /** Rooms a user may be in; RATE_LIMITED beyond. */
  roomsJoined: 256,
} as const;
