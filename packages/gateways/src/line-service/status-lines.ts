/** A line for the operator's log. It never holds what people say to each other. */
export interface StatusLine {
  readonly level: 'info' | 'debug';
  readonly line: string;
}

/** A name that a client made up is shown as far as a name can reach. */
const shownCharacters = 64;

/** The console's lines of the original, each in the words its operators know. */
export const status = {
  accepted: (fd: number) => `${client(fd)}: Connection Accepted`,
  assigned: (fd: number) => `${client(fd)}: Connection Handler Assigned`,
  join: (fd: number, name: string) => `${client(fd)}: JOIN ${shown(name)}`,
  joinRefused: (fd: number, name: string) => `${client(fd)}: JOIN ${shown(name)} Refused`,
  list: (fd: number) => `${client(fd)}: LIST`,
  message: (fd: number, to: string) => `${client(fd)}: MESG ${shown(to)}`,
  broadcast: (fd: number) => `${client(fd)}: BCST`,
  room: (fd: number, name: string) => `${client(fd)}: ROOM ${shown(name)}`,
  leaveRoom: (fd: number) => `${client(fd)}: LEAVE`,
  unregistered: (fd: number, command: string) => `${client(fd)}: Unable to Locate in Database. Discarding ${command}.`,
  unrecognizable: (fd: number) => `${client(fd)}: Unrecognizable Message. Discarding UNKNOWN Message.`,
  unknownRecipient: (to: string) => `Unable to Locate Recipient (${shown(to)}) in Database. Discarding MESG.`,
  quit: (fd: number) => `${client(fd)}: QUIT`,
  tooLong: (fd: number) => `${client(fd)}: Line Too Long. Disconnecting User.`,
  full: (fd: number) => `${client(fd)}: Database Full. Disconnecting User.`,
  disconnecting: (fd: number) => `${client(fd)}: Disconnecting User.`,
} as const;

function client(fd: number): string {
  return `Client (${String(fd)})`;
}

function shown(name: string): string {
  return name.length > shownCharacters ? `${name.slice(0, shownCharacters)}…` : name;
}
