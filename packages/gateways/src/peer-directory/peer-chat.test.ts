import { describe, expect, it } from '@jest/globals';
import { plainLine, printable } from '@parley/text';
import fc from 'fast-check';
import { encodePeerMessage, PeerMessageDecoder, type PeerMessage } from './messages.js';
import { PeerChat, type ChatEvent } from './peer-chat.js';

const encoder = new TextEncoder();
const caller = { address: '127.0.0.1', port: 13000, name: 'mat0299' };

function decode(bytes: Uint8Array): PeerMessage[] {
  return [...new PeerMessageDecoder().push(bytes)].map((decoded) => {
    if ('problem' in decoded) throw new Error(decoded.problem);
    return decoded.message;
  });
}

function give(chat: PeerChat, ...messages: PeerMessage[]): ChatEvent[] {
  return [...chat.received(Buffer.concat(messages.map(encodePeerMessage)))];
}

function text(content: string | Uint8Array): PeerMessage {
  return { type: 'text', text: typeof content === 'string' ? encoder.encode(content) : content };
}

/** A chat that has been called and has agreed. */
function talking(): PeerChat {
  const chat = new PeerChat();
  give(chat, { type: 'conn', ...caller });
  chat.answer(true);
  return chat;
}

describe('the called end', () => {
  it('hears who calls, agrees, and talks until the other side ends it', () => {
    const chat = new PeerChat();
    expect(give(chat, { type: 'conn', ...caller })).toEqual([{ type: 'called', caller }]);
    expect(decode(chat.answer(true))).toEqual([{ type: 'resp', agree: true }]);
    expect(give(chat, text('hi'), text('there'), { type: 'end' }, text('late'))).toEqual([
      { type: 'text', text: 'hi' },
      { type: 'text', text: 'there' },
      { type: 'ended' },
    ]);
    expect(chat.state).toBe('ended');
    expect(chat.end()).toHaveLength(0);
  });

  it('declines, and that is all', () => {
    const chat = new PeerChat();
    give(chat, { type: 'conn', ...caller });
    expect(decode(chat.answer(false))).toEqual([{ type: 'resp', agree: false }]);
    expect(give(chat, text('but'))).toEqual([]);
    expect(() => chat.say('x')).toThrow('ended');
  });

  it('hears a caller who gives up', () => {
    const chat = new PeerChat();
    expect(give(chat, { type: 'conn', ...caller }, { type: 'end' })).toEqual([
      { type: 'called', caller },
      { type: 'ended' },
    ]);
  });
});

describe('the calling end', () => {
  it('says who calls, hears a yes, talks, and ends it', () => {
    const chat = new PeerChat();
    expect(decode(chat.call(caller))).toEqual([{ type: 'conn', ...caller }]);
    expect(give(chat, { type: 'resp', agree: true }, text('hello'))).toEqual([
      { type: 'agreed' },
      { type: 'text', text: 'hello' },
    ]);
    expect(decode(chat.say('hi'))).toEqual([text('hi')]);
    expect(decode(chat.end())).toEqual([{ type: 'end' }]);
    expect(give(chat, text('late'))).toEqual([]);
  });

  it('hears a no', () => {
    const chat = new PeerChat();
    chat.call(caller);
    expect(give(chat, { type: 'resp', agree: false }, text('x'))).toEqual([{ type: 'declined' }]);
    expect(chat.end()).toHaveLength(0);
  });

  it('gives up with END, and takes no late answer', () => {
    const chat = new PeerChat();
    chat.call(caller);
    expect(decode(chat.end())).toEqual([{ type: 'end' }]);
    expect(give(chat, { type: 'resp', agree: true })).toEqual([]);
  });
});

describe('text out', () => {
  it('is cut between characters into pieces that leave room for a NUL', () => {
    const long = `${'x'.repeat(1022)}ü${'👩'.repeat(600)}`;
    const pieces = decode(talking().say(long)).map((message) => (message.type === 'text' ? message.text : undefined));
    expect(pieces.map((piece) => piece?.length)).toEqual([1022, 2 + 1020, 1020, 360]);
    const fatal = new TextDecoder('utf-8', { fatal: true });
    expect(pieces.map((piece) => fatal.decode(piece)).join('')).toBe(long);
    expect(decode(talking().say('x'.repeat(1023)))).toHaveLength(1);
    expect(decode(talking().say('x'.repeat(1024)))).toHaveLength(2);
  });

  it('goes out a line each, and is safe for a terminal', () => {
    expect(decode(talking().say('a\u001b[2J\r\n\nb\tc'))).toEqual([text('a?[2J'), text('b c')]);
  });
});

describe('text in', () => {
  it.each([
    ['hi', 'hi'],
    ['hi\n', 'hi'],
    ['hi\0', 'hi'],
    ['hi\n\0', 'hi'],
    ['hi\r\n\0\0\0', 'hi'],
    ['hi\0what else was in the buffer\n', 'hi'],
    ['one\ntwo\n', 'one\ntwo'],
    ['one\r\ntwo', 'one\ntwo'],
    ['  kept  ', '  kept  '],
    ['\u001b]0;x\u0007', '?]0;x?'],
    ['a\rb', 'a?b'],
    ['', ''],
    ['\n\0', ''],
    ['\0\0', ''],
  ])('%j reads as %j', (sent, read) => {
    expect(give(talking(), text(sent))).toEqual([{ type: 'text', text: read }]);
  });

  it('that is no UTF-8 is read as far as it is', () => {
    expect(give(talking(), text(Uint8Array.of(0x61, 0xe9, 0x62)))).toEqual([{ type: 'text', text: 'a\ufffdb' }]);
  });
});

describe('what is not due', () => {
  const conn: PeerMessage = { type: 'conn', ...caller };
  const states: [string, () => PeerChat, PeerMessage[]][] = [
    [
      'listening',
      () => new PeerChat(),
      [
        text('x'),
        { type: 'resp', agree: true },
        { type: 'end' },
        { type: 'who' },
        { type: 'up', address: '1.2.3.4', name: 'x' },
      ],
    ],
    [
      'called',
      () => {
        const chat = new PeerChat();
        give(chat, conn);
        return chat;
      },
      [text('x'), { type: 'resp', agree: true }, conn, { type: 'nack' }],
    ],
    [
      'calling',
      () => {
        const chat = new PeerChat();
        chat.call(caller);
        return chat;
      },
      [text('x'), conn, { type: 'ack', port: 1 }],
    ],
    ['talking', talking, [conn, { type: 'resp', agree: true }, { type: 'shutdown' }, { type: 'dump' }]],
  ];

  it.each(states)('is a problem while %s, and ends the chat', (state, make, messages) => {
    for (const message of messages) {
      const chat = make();
      expect(give(chat, message, { type: 'end' })).toEqual([
        { type: 'problem', problem: `no ${message.type} is due while ${state}` },
      ]);
      expect(chat.state).toBe('ended');
    }
  });

  it('is what cannot be decoded, too', () => {
    expect([...talking().received(Uint8Array.of(33, 0, 0, 0, 255, 255, 255, 255))]).toEqual([
      { type: 'problem', problem: 'a text cannot have -1 bytes' },
    ]);
  });
});

describe('whatever is said', () => {
  it('comes out at the other end as it went in, but for what is not safe, however the stream is cut', () => {
    const content = fc.string({ unit: 'binary', minLength: 1, maxLength: 3000 });
    fc.assert(
      fc.property(content, fc.integer({ min: 1, max: 2000 }), (said, step) => {
        const other = talking();
        const bytes = talking().say(said);
        const heard: string[] = [];
        for (let at = 0; at < bytes.length; at += step) {
          for (const event of other.received(bytes.subarray(at, at + step))) {
            if (event.type !== 'text') throw new Error(event.type);
            heard.push(event.text);
          }
        }
        expect(other.begun).toBe(false);
        for (const line of heard.flatMap((each) => each.split('\n'))) expect(printable(line)).toBe(line);
        // Newlines at the end of a message are taken for the client's own.
        expect(heard.join('').replaceAll('\n', '')).toBe(said.split(/\r?\n/).map(plainLine).join(''));
      }),
    );
  });
});
