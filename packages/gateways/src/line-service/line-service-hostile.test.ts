import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LineTable } from './line-world.fixture.js';
import type { LineAnswer, LineAsk } from './line-world.js';

const encoder = new TextEncoder();
const unknown = 'Unknown Message. Discarding UNKNOWN Message.';

function refused(why: Extract<LineAnswer, { type: 'refused' }>['why']): LineAnswer {
  return { type: 'refused', why };
}

describe('hostile input', () => {
  it('of lines too long ends that connection with one line', () => {
    for (const input of ['x'.repeat(5000), `MESG mat0299 ${'x'.repeat(4200)}\n`, 'x'.repeat(1024 * 1024)]) {
      const table = new LineTable();
      const user = table.user('mat0299');
      user.send(`${input}\nMESG mat0299 more\n`);
      expect(user.take()).toBe('Line Too Long. Disconnecting User.\n');
      expect(user.isClosed).toBe(true);
      expect(table.log).toEqual(['Client (5): Line Too Long. Disconnecting User.']);
      expect(table.others).toEqual([{ type: 'gone', fd: 5, how: 'dropped' }]);
    }
  });

  it('of lines as long as allowed is taken', () => {
    const table = new LineTable();
    const user = table.user('mat0299');
    const text = 'é'.repeat(2048);
    user.send(`MESG mat0299 ${text}\r\n`);
    expect(user.take()).toBe(`FROM mat0299: ${text}\r\n`);
  });

  it('of telnet parameters without an end ends that connection', () => {
    const table = new LineTable();
    const user = table.user('mat0299');
    user.send(Uint8Array.of(0xff, 0xfd, 1, 0xff, 0xfa));
    expect(table.others).toEqual([{ type: 'writeBytes', fd: 5, bytes: Uint8Array.of(0xff, 0xfc, 1) }]);
    user.send(new Uint8Array(5000));
    expect(user.isClosed).toBe(true);
  });

  it('that goes on while an answer is waited for is bounded', () => {
    const table = new LineTable();
    const user = table.user('mat0299');
    table.decide = () => undefined;
    user.send('LIST\n');
    for (let n = 0; n < 5; n += 1) {
      expect(user.isClosed).toBe(false);
      user.send('LIST\n'.repeat(13_000));
    }
    expect(user.isClosed).toBe(true);
  });

  it('takes turns: one piece of it causes no more than one turn', () => {
    const table = new LineTable();
    const { fd } = table.user('mat0299');
    table.service.receive(fd, encoder.encode('\n'.repeat(60_000)));
    let turns = 0;
    let written = 0;
    for (;;) {
      turns += 1;
      let turn = 0;
      for (let output = table.service.pollOutput(); output; output = table.service.pollOutput()) {
        if (output.type === 'write') turn += output.text.length;
      }
      expect(turn).toBeLessThan(10_000);
      written += turn;
      if (!table.service.hasMore(fd)) break;
      table.service.goOn(fd);
    }
    expect(turns).toBeGreaterThan(100);
    expect(written).toBe(60_000 * (unknown.length + 1));
  });

  it('does not fill the log with names that are none', () => {
    const table = new LineTable();
    const user = table.user('mat0299');
    user.send(`MESG ${'y'.repeat(4000)} x\n`);
    expect(table.log.join().length).toBeLessThan(1_000);
  });

  it('never lets control characters out, to clients or the log', () => {
    const table = new LineTable({ broadcastAll: true, logsMessages: true });
    const corpus = [
      '\u001b[2J',
      '\u001b]0;x\u0007',
      '\u009b1m',
      '\u202ex',
      '\u2066x',
      '\0',
      '\b',
      '\r',
      '\u2028',
      '\u007f',
    ];
    for (const evil of corpus) {
      const user = table.user('mat0299');
      const other = table.user('brb5678');
      const asked: LineAsk[] = [];
      table.decide = (ask) => {
        asked.push(ask);
        return refused('unknown');
      };
      user.send(
        `MESG brb5678 a${evil}b\nBCST a${evil}b\nMESG a${evil}b text\nROOM a${evil}b\na${evil}b\nJOIN a${evil}b\n`,
      );
      for (const asks of asked) if ('text' in asks) expect(asks.text).not.toContain(evil);
      table.tell(user, { type: 'text', from: `a${evil}b`, room: `c${evil}d`, text: `e${evil}f` });
      table.tell(user, { type: 'refused', peer: `a${evil}b`, why: 'busy', lost: 1 });
      table.tell(user, { type: 'came', room: `a${evil}b`, name: `a${evil}b` });
      const stranger = table.connect();
      stranger.send(`JOIN a${evil}b\n`);
      for (const heard of [user.take(), other.take(), stranger.take(), table.log.join('')]) {
        expect(heard.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/u);
      }
      table.decide = () => ({ type: 'done' });
      for (const client of [user, other, stranger]) client.drop();
    }
  });

  const lines = fc.oneof(
    fc.constantFrom('JOIN a', 'JOIN b', 'LIST', 'MESG a hello', 'MESG b ünï', 'MESG c x', 'BCST x', 'ROOM r', 'LEAVE'),
    fc.string({ maxLength: 12 }),
  );
  const input = fc
    .array(fc.tuple(lines, fc.constantFrom('\n', '\r\n')), { maxLength: 12 })
    .map((list) => list.map(([line, end]) => line + end).join(''));

  it('means the same in one piece and byte by byte', () => {
    const run = (pieces: readonly Uint8Array[]): unknown => {
      const table = new LineTable();
      const other = table.user('b');
      table.decide = (ask) => {
        if (ask.type === 'list') return { type: 'names', names: ['n'] };
        return ask.type === 'say' ? refused('unknown') : { type: 'done' };
      };
      const client = table.connect();
      for (const piece of pieces) client.send(piece);
      return [client.take(), other.take(), client.isClosed, table.log, table.others];
    };
    fc.assert(
      fc.property(input, (text) => {
        const bytes = encoder.encode(text);
        expect(run(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(run([bytes]));
      }),
    );
  });

  it('of any bytes throws nothing and gives out no more than some lines for a line', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      input.map((text) => encoder.encode(text)),
    );
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 6 }), (pieces) => {
        const table = new LineTable();
        const client = table.connect();
        for (const piece of pieces) if (!client.isClosed) client.send(piece);
        const sent = pieces.reduce((sum, piece) => sum + piece.length, 0);
        expect(client.take().length).toBeLessThanOrEqual((sent + 1) * 100);
      }),
    );
  });

  it('cannot make one that reads slowly take more than it can: whoever writes is told', () => {
    const table = new LineTable();
    const [slow, user] = [table.user('slow'), table.user('mat0299')];
    table.service.clogged(slow.fd, true);
    user.send('MESG slow one\nBCST two\nMESG mat0299 three\n');
    expect(user.take()).toBe('Not Delivered (slow): 1 Message(s).\nFROM mat0299: three\n');
    table.service.clogged(slow.fd, false);
    user.send('MESG slow four\n');
    expect(slow.take()).toBe('FROM mat0299: four\n');
  });
});
