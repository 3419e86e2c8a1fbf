/** What the line service wants of the world around it: the other users and the rooms. */
export type LineAsk =
  /** To be known under this name, as typed. */
  | { readonly type: 'join'; readonly name: string }
  /** Who else is online: at most 500 names. */
  | { readonly type: 'list' }
  /** A text for a user who is none of the line service. */
  | { readonly type: 'say'; readonly to: string; readonly text: string }
  /** A text for all who are none of the line service; only with the setting `broadcastAll`. */
  | { readonly type: 'broadcast'; readonly text: string }
  /** To enter a room, and to leave the one before; refused, one stays where one was. */
  | { readonly type: 'room'; readonly name: string }
  | { readonly type: 'sayInRoom'; readonly room: string; readonly text: string }
  /** What was said is to arrive, for a bounded time, before the user goes; what did not is told as news. */
  | { readonly type: 'settle' }
  | { readonly type: 'leaveRoom' };

/** `unknown` also stands for users who are offline; `failed` for whatever has no line of its own. */
export type Refusal = 'taken' | 'invalid' | 'unknown' | 'busy' | 'declined' | 'full' | 'failed';

export type LineAnswer =
  | { readonly type: 'done' }
  /** To `list`. */
  | { readonly type: 'names'; readonly names: readonly string[] }
  | { readonly type: 'refused'; readonly why: Refusal };

/** What the world tells a line user without being asked. */
export type LineNews =
  /** Said by a user who is none of the line service, or by anyone in the room. */
  | { readonly type: 'text'; readonly from: string; readonly room: string | null; readonly text: string }
  /** A user could not be called, and the texts for that one are lost. */
  | { readonly type: 'refused'; readonly peer: string; readonly why: Refusal; readonly lost: number }
  /** A session ended before the last texts were confirmed. */
  | { readonly type: 'lost'; readonly peer: string; readonly count: number }
  | { readonly type: 'came' | 'went'; readonly room: string; readonly name: string }
  | { readonly type: 'roomClosed'; readonly room: string }
  | { readonly type: 'shutdown' };

/** What the driver of the line service does. */
export type LineOutput =
  | { readonly type: 'write'; readonly fd: number; readonly text: string }
  /** An answer to telnet commands. */
  | { readonly type: 'writeBytes'; readonly fd: number; readonly bytes: Uint8Array }
  /** The connection is forgotten, its number free: to be closed once what was written has gone out. */
  | { readonly type: 'close'; readonly fd: number }
  | { readonly type: 'log'; readonly level: 'info' | 'debug'; readonly line: string }
  /** Somebody is there. */
  | { readonly type: 'registered'; readonly fd: number }
  /** To be answered with `answer`, unless the connection is closed before. */
  | { readonly type: 'ask'; readonly fd: number; readonly ask: LineAsk }
  /** The name is free: of a user who was registered, or who has asked to be. */
  | { readonly type: 'gone'; readonly fd: number; readonly how: 'ended' | 'dropped' };
