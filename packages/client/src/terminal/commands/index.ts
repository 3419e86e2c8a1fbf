/** Every command of the terminal, in the order of help. */
import { ParleyError } from '@parley/protocol';
import { printable } from '@parley/text';
import type { Command } from '../command.js';
import { connect, disconnect, login, register, trust } from './account.js';
import { accept, closeRoom, decline, enter, leave, open, send, status } from './conversation.js';
import { connectedUsers, roomUsers, rooms, users } from './lists.js';
import { doctor, path } from './paths.js';
import { exit, helpCommand, pause, wait } from './program.js';
import { nearest } from './suggestion.js';

export const commands: readonly Command[] = [
  connect,
  register,
  login,
  users,
  connectedUsers,
  rooms,
  roomUsers,
  open,
  enter,
  send,
  status,
  leave,
  closeRoom,
  accept,
  decline,
  trust,
  path,
  doctor,
  disconnect,
  exit,
  helpCommand(findCommand, () => commands),
  pause,
  wait,
];

const byName = new Map(commands.flatMap((command) => [command.name, command.long].map((name) => [name, command])));

/** The command of a short or long name, also with `/` before it, exactly as written. */
export function commandNamed(word: string): Command | undefined {
  return byName.get(word.startsWith('/') ? word.slice(1) : word);
}

/** Whether a password may stand behind the word: a command that takes one, in whatever case. */
export function takesPassword(word: string): boolean {
  const subjects = commandNamed(word.toLowerCase())?.subjects ?? [];
  return subjects.includes('password') || subjects.includes('new-password');
}

/** @throws ParleyError UNKNOWN_COMMAND, with a suggestion where one is near */
export function findCommand(word: string): Command {
  const command = commandNamed(word);
  if (command) return command;
  const shown = shownCommandWord(word);
  const suggestion = suggestedCommand(word);
  const hint = suggestion === undefined ? 'help lists the commands' : `did you mean ${suggestion}?`;
  throw new ParleyError('UNKNOWN_COMMAND', `no command is named "${shown}"; ${hint}`);
}

/** The name of the command that was perhaps meant. */
export function suggestedCommand(word: string): string | undefined {
  return nearest(word.replace(/^\//, '').toLowerCase(), [...byName.keys()]);
}

const shownCharacters = 32;

/** An unknown word as it may be shown: what could disturb a terminal is escaped, and a long one is cut. */
export function shownCommandWord(word: string): string {
  return printable(Array.from(word).slice(0, shownCharacters).join('')).slice(0, shownCharacters);
}
