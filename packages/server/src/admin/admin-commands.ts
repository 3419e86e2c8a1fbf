import { namePattern, ParleyError } from '@parley/protocol';
import type { Page, PageRequest } from '../domain/index.js';
import { adminCommand, type AdminCommand } from './admin-command.js';
import { textTable } from './text-table.js';

const noWords = { min: 0, max: 0 };

const users = adminCommand({
  name: 'lu',
  long: 'users',
  usage: 'lu',
  doc: 'all users, and who is online',
  words: noWords,
  run: async (_words, { messenger }) => ({
    users: await allOf((request) => messenger.accounts.page(request)),
  }),
  print: ({ users }) =>
    users.length === 0
      ? 'no users yet'
      : textTable(
          ['USER', 'ONLINE'],
          users.map(({ name, online }) => [name, online ? 'yes' : 'no']),
        ),
});

const connected = adminCommand({
  name: 'lcu',
  long: 'connected',
  usage: 'lcu',
  doc: 'connected users: by which door they came, address, port, since when',
  words: noWords,
  run: (_words, { messenger }) => ({
    users: messenger.onlineUsers().map((user) => ({ ...user, since: isoTime(user.since) })),
  }),
  print: ({ users }) =>
    users.length === 0
      ? 'nobody is connected'
      : textTable(
          ['USER', 'DOOR', 'ADDRESS', 'PORT', 'SINCE'],
          users.map(({ name, door, address, port, since }) => [name, door, address, String(port), since]),
        ),
});

const sessions = adminCommand({
  name: 'ls',
  long: 'sessions',
  usage: 'ls',
  doc: 'sessions: the two users, since when',
  words: noWords,
  run: (_words, { messenger }) => ({
    sessions: messenger.sessions().map(({ users, since }) => ({ users, since: isoTime(since) })),
  }),
  print: ({ sessions }) =>
    sessions.length === 0
      ? 'no sessions'
      : textTable(
          ['USER', 'USER', 'SINCE'],
          sessions.map(({ users, since }) => [...users, since]),
        ),
});

const rooms = adminCommand({
  name: 'lr',
  long: 'rooms',
  usage: 'lr',
  doc: 'rooms: owner, how many are in it',
  words: noWords,
  run: async (_words, { messenger }) => ({ rooms: await allOf((request) => messenger.rooms.page(request)) }),
  print: ({ rooms }) =>
    rooms.length === 0
      ? 'no rooms'
      : textTable(
          ['ROOM', 'OWNER', 'MEMBERS'],
          rooms.map(({ name, owner, members }) => [name, owner, String(members)]),
        ),
});

const roomUsers = adminCommand({
  name: 'lru',
  long: 'room-users',
  usage: 'lru <room>',
  doc: 'who is in a room',
  words: { min: 1, max: 1 },
  run: async ([room = ''], { messenger }) => {
    if (!namePattern.test(room)) {
      throw new ParleyError('UNKNOWN_ROOM', 'no room has this name: names are 2 to 32 of a-z, 0-9, _ and -');
    }
    return { room, members: await messenger.rooms.members(room) };
  },
  print: ({ room, members }) => (members.length === 0 ? `nobody is in ${room}` : members.join('\n')),
});

const pairs = adminCommand({
  name: 'lp',
  long: 'pairs',
  usage: 'lp',
  doc: 'clients of the pair chat: address, port, state, with whom',
  words: noWords,
  run: (_words, context) => {
    const clients = context.pairs();
    if (!clients) throw new ParleyError('USAGE', 'the pair chat is off; --pair-port turns it on');
    return { clients };
  },
  print: ({ clients }) =>
    clients.length === 0
      ? 'nobody is in the pair chat'
      : textTable(
          ['ADDRESS', 'PORT', 'STATE', 'WITH'],
          clients.map((client) => [client.address, String(client.port), client.state, client.with ?? '-']),
        ),
});

const shutdown = adminCommand({
  name: 'x',
  long: 'shutdown',
  usage: 'x',
  doc: 'tells every client and stops the server',
  words: noWords,
  run: async (_words, { stop }) => {
    await stop();
    return {};
  },
  print: () => 'the server has stopped',
});

const help = adminCommand({
  name: 'help',
  long: 'help',
  usage: 'help [command]',
  doc: 'this list, or one command of it',
  words: { min: 0, max: 1 },
  run: ([word]) => {
    const asked = word === undefined ? adminCommands : [findAdminCommand(word)];
    return { commands: asked.map(({ name, long, usage, doc }) => ({ command: name, long, usage, doc })) };
  },
  print: ({ commands }) =>
    textTable(
      ['COMMAND', 'LONG NAME', 'WHAT IT DOES'],
      commands.map(({ usage, long, doc }) => [usage, long, doc]),
    ),
});

/** All commands of the operator, in the order of the help. */
export const adminCommands: readonly AdminCommand[] = [
  users,
  connected,
  sessions,
  rooms,
  roomUsers,
  pairs,
  shutdown,
  help,
];

/** By either name, with or without a slash. @throws ParleyError UNKNOWN_COMMAND */
export function findAdminCommand(word: string): AdminCommand {
  const bare = word.startsWith('/') ? word.slice(1) : word;
  const found = adminCommands.find(({ name, long }) => name === bare || long === bare);
  if (found) return found;
  const other = adminCommands.find(({ name, long }) => [name, long].includes(bare.toLowerCase()));
  throw new ParleyError(
    'UNKNOWN_COMMAND',
    other ? `commands are lower case: ${other.name}` : 'no such command; help lists them all',
  );
}

/** A whole list, page by page. */
async function allOf<T>(page: (request: PageRequest) => Promise<Page<T>>): Promise<T[]> {
  const all: T[] = [];
  let after: string | undefined;
  do {
    const { items, next } = await page({ after });
    all.push(...items);
    after = next ?? undefined;
  } while (after !== undefined);
  return all;
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
