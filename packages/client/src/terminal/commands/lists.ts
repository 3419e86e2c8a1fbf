import { printable } from '@parley/text';
import { noArguments, roomArgument } from '../arguments.js';
import { declare } from '../command.js';
import { doorWords } from '../path-words.js';

export const users = declare({
  name: 'lu',
  long: 'users',
  usage: 'lu',
  doc: 'lists all users and who is online',
  parse: noArguments,
  run: ({ client, signal }) => client.users({ signal }),
  data: (found) => ({ users: found.map(({ name, online }) => ({ name, online })) }),
  lines: (found, style) => {
    const width = widest(found);
    return found.map(({ name, online }) => {
      return `${style.name(name)}${gap(name, width)}${online ? 'online' : style.dim('offline')}`;
    });
  },
});

export const connectedUsers = declare({
  name: 'lcu',
  long: 'connected',
  usage: 'lcu',
  doc: 'lists who is online, and who of them through a gateway',
  details: ['What is said to a user behind a gateway of an older system is not end-to-end encrypted.'],
  parse: noArguments,
  run: ({ client, signal }) => client.connectedUsers({ signal }),
  data: (found) => ({ users: found.map(({ name, door }) => ({ name, door })) }),
  lines: (found, style) => {
    const width = widest(found);
    return found.map(({ name, door }) => {
      const words = doorWords(door);
      return words === '' ? style.name(name) : `${style.name(name)}${gap(name, width)}${style.alarm(printable(words))}`;
    });
  },
});

export const rooms = declare({
  name: 'lr',
  long: 'rooms',
  usage: 'lr',
  doc: 'lists the rooms, their owners and how many are in each',
  parse: noArguments,
  run: ({ client, signal }) => client.rooms({ signal }),
  data: (found) => ({ rooms: found.map(({ name, owner, members }) => ({ name, owner, members })) }),
  lines: (found, style) => {
    if (found.length === 0) return ['there are no rooms; or <room> opens one'];
    const width = widest(found);
    return found.map(({ name, owner, members }) => {
      return `${style.room(name)}${gap(name, width)}owner ${style.name(owner)}, ${String(members)} in it`;
    });
  },
});

export const roomUsers = declare({
  name: 'lru',
  long: 'room-users',
  usage: 'lru <room>',
  doc: 'lists who is in a room',
  subjects: ['room'],
  parse: roomArgument,
  run: ({ client, signal }, room) => client.roomMembers(room, { signal }),
  data: ({ room, members }) => ({ room, members: [...members] }),
  lines: ({ room, members }, style) =>
    members.length === 0 ? [`nobody is in ${style.room(room)}`] : members.map((member) => style.name(member)),
});

function widest(named: readonly { readonly name: string }[]): number {
  return Math.max(0, ...named.map(({ name }) => name.length));
}

/** What aligns the column behind a name; names are ASCII, so a character is a column. */
function gap(name: string, width: number): string {
  return ' '.repeat(width - name.length + 2);
}
