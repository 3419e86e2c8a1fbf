/** Events and notices in words, for people. */
import { printable } from '@parley/text';
import type { ClientEvent, Notice, RoomEvent, ServerStateEvent, SessionEvent } from '../engine/api.js';
import { throughGateway } from './path-words.js';
import { textLines, type Style } from './style.js';

export function eventLines(event: ClientEvent, style: Style): string[] {
  switch (event.event) {
    case 'message': {
      const where = event.room === null ? '' : `${style.room(event.room)} `;
      return textLines(`${where}${style.name(event.from)}: `, event.text);
    }
    case 'receipt': {
      const what = `message ${printable(event.id.slice(0, 8))}`;
      return event.state === 'delivered'
        ? [style.dim(`${style.marks.delivered} ${printable(event.to)} has ${what}`)]
        : [style.alarm(`${style.marks.failed} not delivered to ${printable(event.to)}: ${what}`)];
    }
    case 'session':
      return [sessionLine(event, style)];
    case 'room':
      return [roomLine(event, style)];
    case 'server':
      return [style.dim(serverLine(event))];
  }
}

function sessionLine({ peer, state, path, reason }: SessionEvent, style: Style): string {
  const name = style.name(peer);
  const way = path === 'gateway' ? `, ${style.alarm(throughGateway)}` : '';
  switch (state) {
    case 'incoming':
      return `${name} is calling${way}`;
    case 'opened':
      return `session with ${name} is open${way}`;
    case 'closed':
      return `session with ${name} is closed${reason === undefined ? '' : `: ${sessionEnds[reason](printable(peer))}`}`;
  }
}

const sessionEnds: Record<NonNullable<SessionEvent['reason']>, (peer: string) => string> = {
  ended: () => 'ended',
  NO_PATH: () => 'no network path between the two devices was found',
  PEER_LOST: (peer) => `${peer} is gone without a word`,
  // It is told on both sides: the changed key may be our own.
  KEY_CHANGED: () => 'a key is not the one pinned',
  DECLINED: () => 'the call was declined or not answered',
  CANCELLED: () => 'the caller gave up',
};

function roomLine({ room, state, user }: RoomEvent, style: Style): string {
  const name = style.room(room);
  switch (state) {
    case 'joined':
      return `${user === undefined ? 'somebody' : style.name(user)} joined ${name}`;
    case 'left':
      return `${user === undefined ? 'somebody' : style.name(user)} left ${name}`;
    case 'closed':
      return `${name} was closed by its owner`;
  }
}

function serverLine({ state }: ServerStateEvent): string {
  switch (state) {
    case 'lost':
      return 'the connection to the server broke; what is direct goes on, and the server is tried again by itself';
    case 'back':
      return 'the server is back';
    case 'shutdown':
      return 'the server is shutting down; what is direct goes on';
  }
}

export function noticeLine({ level, text }: Notice, style: Style): string {
  switch (level) {
    case 'info':
      return style.dim(printable(text));
    case 'warning':
      return style.alarm(`warning: ${printable(text)}`);
  }
}
