import type { Refusal } from './line-world.js';

/**
 * Every line that the service says to a client. Those of the original stand first and are known to its users to the
 * byte; the others follow their style. Names and texts come in plain already.
 */
export const wording = {
  joined: (name: string) => `JOIN ${name} Request Accepted`,
  alreadyRegistered: (name: string, fd: number) => `User Already Registered: Username (${name}), FD (${String(fd)})`,
  tooManyUsers: 'Too Many Users. Disconnecting User.',
  listHead: 'USERNAME FD',
  listRule: '-'.repeat(28),
  listEntry: (name: string, fd: number) => `${name} ${String(fd)}`,
  from: (name: string, text: string) => `FROM ${name}: ${text}`,
  unknownRecipient: (name: string) => `Unknown Recipient (${name}). MESG Discarded.`,
  unknownMessage: 'Unknown Message. Discarding UNKNOWN Message.',
  unregistered: 'Unregistered User. Use "JOIN <username>" to Register.',

  nameTaken: (name: string) => `Username Already In Use (${name}). Choose Another.`,
  nameInvalid: (name: string) => `Invalid Username (${name}). Choose Another.`,
  joinFailed: (name: string) => `JOIN ${name} Failed. Try Again Later.`,
  busy: (name: string, lost: number) => `BUSY (${name}). ${discarded(lost)}`,
  declined: (name: string, lost: number) => `DECLINED (${name}). ${discarded(lost)}`,
  notDelivered: (name: string, count: number) => `Not Delivered (${name}): ${String(count)} Message(s).`,
  lineTooLong: 'Line Too Long. Disconnecting User.',
  shutdown: 'Server Shutting Down. Disconnecting User.',

  roomEntered: (room: string) => `ROOM ${room} Request Accepted`,
  roomUnknown: (room: string) => `Unknown Room (${room}). ROOM Discarded.`,
  roomFull: (room: string) => `Room Full (${room}). ROOM Discarded.`,
  roomFailed: (room: string) => `ROOM ${room} Failed. Try Again Later.`,
  roomLeft: (room: string) => `LEAVE ${room} Request Accepted`,
  inNoRoom: 'Not In A Room. LEAVE Discarded.',
  cameToRoom: (room: string, name: string) => `ROOM ${room}: ${name} joined.`,
  wentFromRoom: (room: string, name: string) => `ROOM ${room}: ${name} left.`,
  roomClosed: (room: string) => `ROOM ${room}: closed.`,
} as const;

/** One, as the original says it of one; or how many. */
function discarded(lost: number): string {
  return lost === 1 ? 'MESG Discarded.' : `${String(lost)} MESGs Discarded.`;
}

export function joinRefused(name: string, why: Refusal): string {
  if (why === 'taken') return wording.nameTaken(name);
  return why === 'invalid' ? wording.nameInvalid(name) : wording.joinFailed(name);
}

/** @param lost texts for that user */
export function messageRefused(to: string, why: Refusal, lost: number): string {
  switch (why) {
    case 'unknown':
      return wording.unknownRecipient(to);
    case 'busy':
      return wording.busy(to, lost);
    case 'declined':
      return wording.declined(to, lost);
    case 'taken':
    case 'invalid':
    case 'full':
    case 'failed':
      return wording.notDelivered(to, lost);
  }
}

export function roomAnswered(room: string, why: Refusal | undefined): string {
  if (why === undefined) return wording.roomEntered(room);
  if (why === 'unknown' || why === 'invalid') return wording.roomUnknown(room);
  return why === 'full' ? wording.roomFull(room) : wording.roomFailed(room);
}
