import { ParleyError } from '@parley/protocol';
import { printable } from '@parley/text';
import { describeVerdict, type PathReport } from '@parley/rendezvous';
import type { ConversationKeys, ConversationStatus, Path, Status } from '../../engine/api.js';
import { noArguments, roomArgument, userArgument } from '../arguments.js';
import { declare } from '../command.js';
import { pathWords } from '../path-words.js';
import { excerpt, type Style } from '../style.js';

/** A call that is taken sooner needs no words. */
const silentCallMs = 500;

export const open = declare({
  name: 'o',
  long: 'open',
  usage: 'o <user>',
  doc: 'opens a session with a user; leaves what is open first',
  details: ['A call rings for 30 seconds at most; Ctrl-C takes it back.'],
  subjects: ['user'],
  parse: userArgument,
  run: async ({ client, timer, signal, progress }, peer) => {
    const cancel = timer.after(silentCallMs, () => {
      progress((style) => `calling ${printable(peer)} ${style.marks.ellipsis} (Ctrl-C takes it back)`);
    });
    try {
      return await client.open(peer, { signal });
    } finally {
      cancel();
    }
  },
  data: ({ peer, path }) => ({ peer, path }),
  // The event tells that the session is open.
  lines: pathLines,
});

function pathLines({ path }: { readonly path: Path }, style: Style): string[] {
  return [`path: ${shownPath(path, style)}`];
}

function shownPath(path: Path, style: Style): string {
  return path === 'gateway' ? style.alarm(pathWords(path)) : pathWords(path);
}

export const enter = declare({
  name: 'or',
  long: 'enter',
  usage: 'or <room>',
  doc: 'enters a room, or opens it as its owner; leaves what is open first',
  subjects: ['any-room'],
  parse: roomArgument,
  run: ({ client, signal }, room) => client.enter(room, { signal }),
  data: ({ room, owner, members, path }) => ({ room, owner, members: [...members], path }),
  lines: ({ room, owner, members, path }, style) => {
    const inIt = members.map((member) => style.name(member)).join(', ');
    const entered = `in ${style.room(room)}, owner ${style.name(owner)}; in it: ${inIt === '' ? 'nobody' : inIt}`;
    return path === 'gateway' ? [entered, ...pathLines({ path }, style)] : [entered];
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
  run: ({ client }) => {
    const now = client.status();
    const peer = now.conversation?.kind === 'user' ? now.conversation.name : undefined;
    return Promise.resolve({ ...now, ownKey: client.ownKey, peerKey: peer === undefined ? null : client.keyOf(peer) });
  },
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
            rttMs: conversation.rttMs === null ? null : Number(conversation.rttMs.toFixed(3)),
          },
  }),
  lines: statusLines,
});

/** On the way to the one user of a session, from 0 to 1; null where it is not known. */
function lossOf({ kind, reports }: ConversationStatus): number | null {
  const [report] = kind === 'user' ? reports.values() : [];
  const loss = report?.path?.loss;
  return loss === undefined ? null : Number(loss.toFixed(4));
}

interface KnownStatus extends Status {
  readonly ownKey: string;
  readonly peerKey: string | null;
}

function statusLines({ server, lostServer, user, conversation, ownKey, peerKey }: KnownStatus, style: Style): string[] {
  const talk = conversation === null ? [] : conversationLines(conversation, peerKey, style);
  if (lostServer !== null && conversation?.path === 'relayed')
    talk.push('what is said waits for the server, which relays it');
  const who = user === null ? 'not logged in' : `logged in as ${style.name(user)}`;
  if (lostServer !== null) return [`connection to ${lostServer} lost, trying again; ${who}`, ...talk];
  if (server === null) return ['not connected', ...talk];
  const key = `key of this device: ${ownKey}`;
  return [`${who} at ${server}`, key, ...(talk.length > 0 ? talk : ['no session or room is open'])];
}

function conversationLines(conversation: ConversationStatus, key: string | null, style: Style): string[] {
  const { kind, name, path, rttMs, reports, keys } = conversation;
  const measured = rttMs === null ? 'round trip not measured yet' : `round trip ${showRoundTrip(rttMs)}`;
  const [report] = kind === 'user' ? reports.values() : [];
  const lost = lossOf(conversation);
  const loss = lost === null ? '' : `, loss ${showShare(lost)}`;
  const way = `path ${shownPath(path, style)}, ${measured}${loss}`;
  switch (kind) {
    case 'user': {
      const keyLines = key === null ? [] : [`key of ${printable(name)}: ${key}`];
      return [`connected to "${style.name(name)}", ${way}`, ...verdictLines(report), ...sealLines(keys), ...keyLines];
    }
    case 'room': {
      // In an empty room there is no way to anybody.
      const room = `in room "${style.room(name).slice(1)}"`;
      return [rttMs === null && path === 'direct' ? room : `${room}, ${way}`, ...sealLines(keys)];
    }
  }
}

function verdictLines(report: PathReport | undefined): string[] {
  return report?.path ? [printable(`${describeVerdict(report)}; path tells more`)] : [];
}

function showShare(share: number): string {
  return `${(share * 100).toFixed(share === 0 || share >= 0.1 ? 0 : 1)} %`;
}

function sealLines(keys: ConversationKeys | null): string[] {
  if (keys === null) return [];
  const { here, there } = keys.postQuantum;
  const shown = (isDone: boolean): string => (isDone ? 'ready' : 'not yet');
  const age = keys.ageMs === null ? 'being renewed' : `${String(Math.floor(keys.ageMs / 1_000))} s old`;
  return [`encrypted end to end, keys ${age}; post-quantum secret: ${shown(here)} here, ${shown(there)} there`];
}

/** Two digits that count, as nobody feels more. */
function showRoundTrip(ms: number): string {
  return `${String(ms < 100 ? Number(ms.toPrecision(2)) : Math.round(ms))} ms`;
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
    const { conversation } = client.status();
    const isInIt = conversation?.kind === 'room' && conversation.name === room;
    await client.closeRoom(room, { signal });
    return { room, isInIt };
  },
  data: ({ room }) => ({ room }),
  // Whoever is in it is told by the event.
  lines: ({ room, isInIt }, style) => (isInIt ? [] : [`${style.room(room)} is closed`]),
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
  lines: pathLines,
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
