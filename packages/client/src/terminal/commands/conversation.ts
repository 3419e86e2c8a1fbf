import { ParleyError } from '@parley/protocol';
import type { ConversationStatus, Status } from '../../engine/api.js';
import { noArguments, roomArgument, userArgument } from '../arguments.js';
import { declare } from '../command.js';
import { excerpt, type Style } from '../style.js';

export const open = declare({
  name: 'o',
  long: 'open',
  usage: 'o <user>',
  doc: 'opens a session with a user; leaves what is open first',
  details: ['A call rings for 30 seconds at most; Ctrl-C takes it back.'],
  subjects: ['user'],
  parse: userArgument,
  run: ({ client, signal }, peer) => client.open(peer, { signal }),
  data: ({ peer, path }) => ({ peer, path }),
  // The event tells that the session is open.
  lines: ({ path }) => [`path: ${path}`],
});

export const enter = declare({
  name: 'or',
  long: 'enter',
  usage: 'or <room>',
  doc: 'enters a room, or opens it as its owner; leaves what is open first',
  subjects: ['any-room'],
  parse: roomArgument,
  run: ({ client, signal }, room) => client.enter(room, { signal }),
  data: ({ room, owner, members }) => ({ room, owner, members: [...members] }),
  lines: ({ room, owner, members }, style) => {
    const inIt = members.map((member) => style.name(member)).join(', ');
    return [`in ${style.room(room)}, owner ${style.name(owner)}; in it: ${inIt === '' ? 'nobody' : inIt}`];
  },
});

export const send = declare({
  name: 's',
  long: 'send',
  usage: 's <message>',
  doc: 'sends a text to the open session or room',
  details: ['All behind the space after s goes as it is, quotes and spaces too. At 16 KiB a text is full.'],
  parse: (rest) => {
    if (rest === '') throw new ParleyError('USAGE', 'the message is missing');
    return rest;
  },
  run: async ({ client, signal }, text) => ({ ...(await client.send(text, { signal })), text }),
  data: ({ id }) => ({ id }),
  lines: ({ text, to }, style) => [
    `${style.marks.sent} ${excerpt(text, style)}${to.length === 0 ? ' (nobody else is here)' : ''}`,
  ],
  sent: ({ id, to, text }) => ({ id, to, text }),
});

export const status = declare({
  name: 'l',
  long: 'status',
  usage: 'l',
  doc: 'shows the server, who you are, and what is open by which path',
  parse: noArguments,
  run: ({ client }) => Promise.resolve(client.status()),
  data: ({ server, user, conversation }) => ({
    server,
    user,
    conversation:
      conversation === null
        ? null
        : {
            kind: conversation.kind,
            name: conversation.name,
            path: conversation.path,
            rttMs: conversation.rttMs,
          },
  }),
  lines: statusLines,
});

function statusLines({ server, user, conversation }: Status, style: Style): string[] {
  const talk = conversation === null ? [] : [conversationLine(conversation, style)];
  if (server === null) return ['not connected', ...talk];
  const who = user === null ? 'not logged in' : `logged in as ${style.name(user)}`;
  return [`${who} at ${server}`, ...(talk.length > 0 ? talk : ['no session or room is open'])];
}

function conversationLine({ kind, name, path, rttMs }: ConversationStatus, style: Style): string {
  const trip = rttMs === null ? 'round trip not measured yet' : `round trip ${rttMs.toFixed(1)} ms`;
  const way = `path ${path}, ${trip}`;
  return kind === 'user'
    ? `connected to "${style.name(name)}", ${way}`
    : `in room "${style.room(name).slice(1)}", ${way}`;
}

export const leave = declare({
  name: 'cs',
  long: 'leave',
  usage: 'cs',
  doc: 'ends the session or leaves the room',
  parse: noArguments,
  run: ({ client, signal }) => client.leave({ signal }),
  data: () => ({}),
  lines: () => ['left'],
});

export const closeRoom = declare({
  name: 'cr',
  long: 'close-room',
  usage: 'cr <room>',
  doc: 'closes a room for all in it; its owner only',
  subjects: ['own-room'],
  parse: roomArgument,
  run: async ({ client, signal }, room) => {
    await client.closeRoom(room, { signal });
    return { room };
  },
  data: ({ room }) => ({ room }),
  lines: ({ room }, style) => [`${style.room(room)} is closed`],
});

export const accept = declare({
  name: 'accept',
  long: 'accept',
  usage: 'accept',
  doc: 'takes the call of whoever is calling',
  parse: noArguments,
  run: ({ client, signal }) => client.accept({ signal }),
  data: ({ peer, path }) => ({ peer, path }),
  // The event tells that the session is open.
  lines: ({ path }) => [`path: ${path}`],
});

export const decline = declare({
  name: 'decline',
  long: 'decline',
  usage: 'decline',
  doc: 'declines the call of whoever is calling',
  parse: noArguments,
  run: ({ client, signal }) => client.decline({ signal }),
  data: ({ peer }) => ({ peer }),
  lines: ({ peer }, style) => [`declined the call of ${style.name(peer)}`],
});
