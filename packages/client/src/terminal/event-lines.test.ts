import { describe, expect, it } from '@jest/globals';
import type { ClientEvent } from '../engine/api.js';
import { eventLines, noticeLine } from './event-lines.js';
import { excerpt, makeStyle } from './style.js';

const style = makeStyle({ colour: false, ascii: false, keyOf: () => null });
const message = { event: 'message', from: 'bob', room: null, text: 'hi', id: '0123456789', seq: 1, at: 'now' } as const;

describe('eventLines', () => {
  it.each<[ClientEvent, string[]]>([
    [message, ['bob: hi']],
    [{ ...message, room: 'lobby' }, ['#lobby bob: hi']],
    [{ ...message, text: 'one\ntwo\tthree\u0007' }, ['bob: one', '  | two    three\\u{7}']],
    [{ event: 'receipt', id: '0123456789', to: 'bob', state: 'delivered' }, ['✓ bob has message 01234567']],
    [{ event: 'receipt', id: '0123456789', to: 'bob', state: 'failed' }, ['✗ not delivered to bob: message 01234567']],
    [{ event: 'session', peer: 'bob', state: 'incoming' }, ['bob is calling']],
    [{ event: 'session', peer: 'bob', state: 'opened' }, ['session with bob is open']],
    [{ event: 'session', peer: 'bob', state: 'opened', path: 'direct' }, ['session with bob is open']],
    [
      { event: 'session', peer: 'zed', state: 'incoming', path: 'gateway' },
      ['zed is calling, through a gateway: NOT end-to-end encrypted, the server can read it'],
    ],
    [
      { event: 'session', peer: 'zed', state: 'opened', path: 'gateway' },
      ['session with zed is open, through a gateway: NOT end-to-end encrypted, the server can read it'],
    ],
    [{ event: 'session', peer: 'bob', state: 'closed' }, ['session with bob is closed']],
    [{ event: 'session', peer: 'bob', state: 'closed', reason: 'ended' }, ['session with bob is closed: ended']],
    [
      { event: 'session', peer: 'bob', state: 'closed', reason: 'KEY_CHANGED' },
      ['session with bob is closed: a key is not the one pinned'],
    ],
    [{ event: 'room', room: 'lobby', state: 'joined', user: 'bob' }, ['bob joined #lobby']],
    [{ event: 'room', room: 'lobby', state: 'left', user: 'bob' }, ['bob left #lobby']],
    [{ event: 'room', room: 'lobby', state: 'closed' }, ['#lobby was closed by its owner']],
    [{ event: 'server', state: 'back' }, ['the server is back']],
  ])('%j', (event, lines) => {
    expect(eventLines(event, style)).toEqual(lines);
  });
});

describe('noticeLine', () => {
  it('marks a warning, and shows nothing raw', () => {
    expect(noticeLine({ level: 'info', text: 'pinned\u001b' }, style)).toBe('pinned\\u{1b}');
    expect(noticeLine({ level: 'warning', text: 'no path' }, style)).toBe('warning: no path');
  });
});

describe('makeStyle', () => {
  const coloured = makeStyle({
    colour: true,
    ascii: false,
    keyOf: (user) => (user === 'zoe' ? null : `key of ${user}`),
  });

  it('gives a name the colour of its key, and none without a key', () => {
    expect(coloured.name('bob')).toMatch(/^\u001b\[(1;)?3[1-6]mbob\u001b\[0m$/);
    expect(coloured.name('bob')).toBe(coloured.name('bob'));
    expect(coloured.name('zoe')).toBe('zoe');
  });

  it('has different colours for different keys', () => {
    const colours = Array.from({ length: 50 }, (_, i) => coloured.name(`u${String(i)}`).split('m')[0]);
    expect(new Set(colours).size).toBeGreaterThan(6);
  });

  it('cuts a text to its first words, in whole characters', () => {
    expect(excerpt('one\ntwo\tthree', style)).toBe('one two three');
    expect(excerpt('😀'.repeat(50), style)).toBe(`${'😀'.repeat(40)}…`);
  });
});
