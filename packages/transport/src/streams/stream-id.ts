/** Stream ids: bit 0 who opened it, bits 1 and 2 its priority, the rest an ordinal, per opener, from 1 up. */

/** What must not wait for what: chat before control before files. The index is the number in the id. */
export const streamPriorities = ['chat', 'control', 'files'] as const;
export type StreamPriority = (typeof streamPriorities)[number];

/** Of the introduction: the initiator's streams are even. */
export type StreamRole = 'initiator' | 'responder';

/** Messages are on this stream, which nobody opens and nobody ends. */
export const messageStreamId = 0;

export function streamIdOf(isInitiators: boolean, priority: number, ordinal: number): number {
  return ordinal * 8 + priority * 2 + (isInitiators ? 0 : 1);
}

export function isInitiators(id: number): boolean {
  return id % 2 === 0;
}

/** 0 to 3, of which 3 means nothing. */
export function priorityOf(id: number): number {
  return Math.floor(id / 2) % 4;
}

export function ordinalOf(id: number): number {
  return Math.floor(id / 8);
}
