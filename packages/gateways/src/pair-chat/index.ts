/**
 * The pair chat: TCP clients in pairs, in order of arrival. The first of a pair reads a greeting of 34 bytes. Then they
 * write in turns, the first one first: a line ended by LF, at most 256 bytes with it; the other reads it without its LF
 * (and CR) and with one NUL behind. A line that begins with `exit` is the last one; so is a lost connection.
 */
export { PairChat, type PairClient, type PairOutput } from './pair-chat.js';
