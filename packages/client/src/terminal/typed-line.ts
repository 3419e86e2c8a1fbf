/** What a person means by a line: a command, a text for the open conversation, or a command that lacks an argument. */
import { ParleyError } from '@parley/protocol';
import type { ParleyClient } from '../engine/api.js';
import { hostAndPort } from '../engine/server-address.js';
import { nameProblem, newAccountName, newPassword, refuseLoginInVain } from './account-questions.js';
import type { Command, Subject } from './command.js';
import { commandNamed, shownCommandWord, suggestedCommand, takesPassword } from './commands/index.js';
import { doorWords } from './path-words.js';
import type { Choice, Questions } from './questions.js';
import { quote, splitFirstWord, tokenize } from './tokens.js';

/**
 * The line as a command with all its arguments; what is left out is asked for.
 * @throws ParleyError when it can be neither a command nor said to anybody, or a question is not answered
 */
export async function completeLine(
  line: string,
  client: ParleyClient,
  questions: Questions,
  signal: AbortSignal,
): Promise<string> {
  const { word, rest } = splitFirstWord(line);
  const command = commandNamed(word);
  if (command && (!command.scriptTool || word.startsWith('/'))) {
    const args = await withArguments(command, rest, client, questions, signal);
    if (isPerhapsText(word, client)) refuseWithWayOut(command, args.slice(1));
    return word + args;
  }
  if (word.startsWith('/') || takesPassword(word)) return line;
  const { server, lostServer, user, conversation } = client.status();
  if (conversation !== null) return `s ${line}`;
  const isNoCommand = `"${shownCommandWord(word)}" is no command`;
  const suggestion = suggestedCommand(word);
  if (server === null && lostServer === null) {
    const hint = suggestion === undefined ? '' : `; did you mean ${suggestion}?`;
    throw new ParleyError('NOT_CONNECTED', `not connected, and ${isNoCommand}${hint}`);
  }
  if (suggestion !== undefined) return line;
  if (user === null) throw new ParleyError('NOT_LOGGED_IN', `not logged in, and ${isNoCommand}`);
  throw new ParleyError('NO_CONVERSATION', `${isNoCommand}, and no session or room is open to say it in`);
}

/** A sentence may begin with a command; one that holds a password is never said to anybody. */
function isPerhapsText(word: string, client: ParleyClient): boolean {
  return client.status().conversation !== null && !word.startsWith('/') && !takesPassword(word);
}

/** @throws ParleyError what the command says to its arguments, and how to say the line instead */
function refuseWithWayOut(command: Command, rest: string): void {
  try {
    command.prepare(rest);
  } catch (cause) {
    if (!(cause instanceof ParleyError)) throw cause;
    throw new ParleyError(cause.code, `${cause.message}; to send the line as a text, put s before it`, { cause });
  }
}

/** The arguments, each behind a space. */
async function withArguments(
  command: Command,
  rest: string,
  client: ParleyClient,
  questions: Questions,
  signal: AbortSignal,
): Promise<string> {
  const given = ` ${rest}`;
  const missing = missingSubjects(command, rest);
  if (missing.length > 0 && takesPassword(command.name)) refuseLoginInVain(client);
  if (missing.includes('new-password') && !missing.includes('new-account')) refuseName(tokenize(rest)[0] ?? '');
  const answers: string[] = [];
  for (const subject of missing) {
    const answer = await askFor(subject, client, questions, signal);
    // What cannot be asked for is missed by the command itself, in better words.
    if (answer === undefined) return given;
    answers.push(answer);
  }
  return [given, ...answers.map(quote)].join(' ');
}

/** @throws ParleyError before a password is asked for in vain */
function refuseName(name: string): void {
  if (nameProblem(name) !== undefined) throw new ParleyError('NAME_INVALID');
}

function missingSubjects({ subjects = [] }: Command, rest: string): readonly Subject[] {
  try {
    return subjects.slice(tokenize(rest).length);
  } catch {
    // Wrong quotes: the command says so.
    return [];
  }
}

const anotherRoom = Symbol('another room');
const anotherServer = Symbol('another server');

async function askFor(
  subject: Subject,
  client: ParleyClient,
  questions: Questions,
  signal: AbortSignal,
): Promise<string | undefined> {
  const me = client.status().user;
  switch (subject) {
    case 'server':
      return serverToConnectTo(client, questions, signal);
    case 'account':
      return questions.text('Name:', undefined, signal);
    case 'password':
      return questions.secret('Password:', signal);
    case 'new-account':
      return newAccountName(questions, signal);
    case 'new-password':
      return newPassword(questions, signal);
    case 'user': {
      const others = (await client.connectedUsers({ signal })).filter(({ name }) => name !== me);
      if (others.length === 0) throw new ParleyError('USER_OFFLINE', 'nobody else is online');
      return questions.choice('Talk with:', others.map(choiceOfUser), signal);
    }
    case 'room':
    case 'own-room': {
      const rooms = (await client.rooms({ signal })).filter(({ owner }) => subject === 'room' || owner === me);
      if (rooms.length === 0)
        throw new ParleyError('UNKNOWN_ROOM', subject === 'room' ? 'there are no rooms' : 'no room is yours');
      return questions.choice('Room:', rooms.map(choiceOf), signal);
    }
    case 'any-room': {
      const rooms = await client.rooms({ signal });
      const another: Choice<string | typeof anotherRoom> = { value: anotherRoom, name: 'another room ...' };
      const room =
        rooms.length === 0 ? anotherRoom : await questions.choice('Room:', [...rooms.map(choiceOf), another], signal);
      return room === anotherRoom ? questions.text('Name of the room:', undefined, signal) : room;
    }
    case 'any-user':
    case 'policy':
    case 'trusted':
    case 'command':
      return undefined;
  }
}

export const defaultServer = 'localhost:7420';

/** One of those on the LAN, or one that is typed. */
async function serverToConnectTo(client: ParleyClient, questions: Questions, signal: AbortSignal): Promise<string> {
  const found = await client.discover({ signal }).catch((error: unknown) => {
    // Where the LAN cannot be asked, the person still can.
    if (error instanceof ParleyError && error.code === 'ADDRESS_UNUSABLE') return [];
    throw error;
  });
  const choices = found.map(({ name, address, port }): Choice<string> => {
    const server = hostAndPort(address, port);
    return { value: server, name: `${name} (${server})` };
  });
  const another: Choice<string | typeof anotherServer> = { value: anotherServer, name: 'another server ...' };
  const server =
    choices.length === 0 ? anotherServer : await questions.choice('Server:', [...choices, another], signal);
  return server === anotherServer ? questions.text('Server:', defaultServer, signal) : server;
}

function choiceOfUser({ name, door }: { readonly name: string; readonly door: string }): Choice<string> {
  const words = doorWords(door);
  return { value: name, name: words === '' ? name : `${name} (${words})` };
}

function choiceOf({ name }: { readonly name: string }): Choice<string> {
  return { value: name, name };
}
