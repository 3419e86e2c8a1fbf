import { describe, expect, it } from '@jest/globals';
import { LineTable, type LineClient } from './line-world.fixture.js';
import type { LineAnswer, LineAsk } from './line-world.js';

const unregistered = 'Unregistered User. Use "JOIN <username>" to Register.';
const unknown = 'Unknown Message. Discarding UNKNOWN Message.';
const rule = '-'.repeat(28);

function refused(why: Extract<LineAnswer, { type: 'refused' }>['why']): LineAnswer {
  return { type: 'refused', why };
}

interface Row {
  readonly when: string;
  readonly sends: string;
  /** Lines that come back. */
  readonly back: readonly string[];
  readonly log: readonly string[];
  readonly closes?: true;
}

describe('one who is not registered', () => {
  const discarded = (fd: number, command: string): string =>
    `Client (${String(fd)}): Unable to Locate in Database. Discarding ${command}.`;

  it.each<Row>([
    { when: 'joins', sends: 'JOIN new', back: ['JOIN new Request Accepted'], log: ['Client (6): JOIN new'] },
    {
      when: 'joins as a line user',
      sends: 'JOIN mat0299',
      back: ['Username Already In Use (mat0299). Choose Another.'],
      log: ['Client (6): JOIN mat0299 Refused'],
    },
    { when: 'joins without a name', sends: 'JOIN', back: [unregistered], log: [discarded(6, 'JOIN')] },
    {
      when: 'joins with two',
      sends: 'JOIN a b',
      back: ['Invalid Username (a b). Choose Another.'],
      log: ['Client (6): JOIN a b Refused'],
    },
    { when: 'lists', sends: 'LIST', back: [unregistered], log: [discarded(6, 'LIST')] },
    { when: 'sends', sends: 'MESG mat0299 x', back: [unregistered], log: [discarded(6, 'MESG')] },
    { when: 'sends nothing', sends: 'MESG', back: [unregistered], log: [discarded(6, 'MESG')] },
    { when: 'broadcasts', sends: 'BCST x', back: [unregistered], log: [discarded(6, 'BCST')] },
    { when: 'enters a room', sends: 'ROOM x', back: [unregistered], log: [discarded(6, 'ROOM')] },
    { when: 'leaves one', sends: 'LEAVE', back: [unregistered], log: [discarded(6, 'LEAVE')] },
    {
      when: 'says something else',
      sends: 'join me',
      back: [unregistered],
      log: ['Client (6): Unrecognizable Message. Discarding UNKNOWN Message.'],
    },
    {
      when: 'quits',
      sends: 'QUIT',
      back: [],
      log: ['Client (6): QUIT', 'Client (6): Disconnecting User.'],
      closes: true,
    },
  ])('$when: $sends', ({ sends, back, log, closes }) => {
    for (const ending of ['\n', '\r\n']) {
      const table = new LineTable();
      table.user('mat0299');
      const client = table.connect();
      table.log.length = 0;
      client.send(sends + ending);
      expect(client.take()).toBe(back.map((line) => line + ending).join(''));
      expect(table.log).toEqual(log);
      expect(client.isClosed).toBe(closes ?? false);
    }
  });

  it('connects under the smallest free number', () => {
    const table = new LineTable();
    const [first, second, third] = [table.connect(), table.connect(), table.connect()];
    expect([first.fd, second.fd, third.fd]).toEqual([5, 6, 7]);
    expect(table.log).toEqual(
      [5, 6, 7].flatMap((fd) => [
        `Client (${String(fd)}): Connection Accepted`,
        `Client (${String(fd)}): Connection Handler Assigned`,
      ]),
    );
    second.drop();
    first.send('QUIT\n');
    expect([table.connect().fd, table.connect().fd, table.connect().fd]).toEqual([5, 6, 8]);
  });

  it('is told when the table is full, and closed', () => {
    const table = new LineTable({ maxUsers: 2 });
    table.user('one');
    table.user('two');
    const third = table.connect();
    table.log.length = 0;
    third.send('JOIN asd6789\nLIST\n');
    expect(third.take()).toBe('Too Many Users. Disconnecting User.\n');
    expect(third.isClosed).toBe(true);
    expect(table.log).toEqual(['Client (7): Database Full. Disconnecting User.']);
  });

  it('has its place in the table while the world thinks about the name', () => {
    const table = new LineTable({ maxUsers: 1 });
    table.decide = () => undefined;
    const [first, second] = [table.connect(), table.connect()];
    first.send('JOIN one\n');
    second.send('JOIN two\n');
    expect(second.isClosed).toBe(true);
    table.answer(refused('taken'));
    const third = table.connect();
    third.send('JOIN two\n');
    table.answer({ type: 'done' });
    expect(third.take()).toBe('JOIN two Request Accepted\n');
  });

  it.each([
    ['taken', 'Username Already In Use (alice). Choose Another.\n'],
    ['invalid', 'Invalid Username (alice). Choose Another.\n'],
    ['failed', 'JOIN alice Failed. Try Again Later.\n'],
  ] as const)('may try another name when this one is %s', (why, line) => {
    const table = new LineTable();
    table.decide = (ask) => (ask.type === 'join' && ask.name === 'alice' ? refused(why) : { type: 'done' });
    const client = table.connect();
    client.send('JOIN alice\nLIST\nJOIN bob\n');
    expect(client.take()).toBe(`${line}${unregistered}\nJOIN bob Request Accepted\n`);
    expect(client.isClosed).toBe(false);
    expect(table.others).toEqual([{ type: 'registered', fd: 5 }]);
  });

  it.each(['x'.repeat(33), 'a\u001bb', 'tab\tbed', 'a\u202eb'])('cannot be called %j', (name) => {
    const table = new LineTable();
    const client = table.connect();
    client.send(`JOIN ${name}\n`);
    expect(client.take()).toMatch(/^(Invalid Username \([^\p{Cc}\p{Cf}]+\)|Unregistered User)/u);
    expect(table.others).toEqual([]);
  });
});

describe('a registered user', () => {
  it.each<Row>([
    {
      when: 'joins again',
      sends: 'JOIN x',
      back: ['User Already Registered: Username (mat0299), FD (5)'],
      log: [],
    },
    {
      when: 'joins without a name',
      sends: 'JOIN',
      back: ['User Already Registered: Username (mat0299), FD (5)'],
      log: [],
    },
    {
      when: 'lists',
      sends: 'LIST',
      back: ['USERNAME FD', rule, 'mat0299 5', 'brb5678 6', 'carol 0', rule],
      log: ['Client (5): LIST'],
    },
    { when: 'sends to oneself', sends: 'MESG mat0299 hi', back: ['FROM mat0299: hi'], log: [] },
    {
      when: 'sends to nobody',
      sends: 'MESG asd6789 hello',
      back: ['Unknown Recipient (asd6789). MESG Discarded.'],
      log: ['Unable to Locate Recipient (asd6789) in Database. Discarding MESG.'],
    },
    ...['MESG brb5678', 'MESG brb5678 ', 'MESG', 'MESG  x', 'BCST', 'LIST x', 'mesg brb5678 x', '', 'ROOM', 'x'].map(
      (sends) => ({
        when: 'says something else',
        sends,
        back: [unknown],
        log: ['Client (5): Unrecognizable Message. Discarding UNKNOWN Message.'],
      }),
    ),
    {
      when: 'quits',
      sends: 'QUIT',
      back: [],
      log: ['Client (5): QUIT', 'Client (5): Disconnecting User.'],
      closes: true,
    },
    { when: 'leaves no room', sends: 'LEAVE', back: ['Not In A Room. LEAVE Discarded.'], log: ['Client (5): LEAVE'] },
  ])('$when: $sends', ({ sends, back, log, closes }) => {
    for (const ending of ['\n', '\r\n']) {
      const table = new LineTable();
      const user = table.user('mat0299', ending);
      const other = table.user('brb5678', ending);
      table.decide = (ask) => (ask.type === 'list' ? { type: 'names', names: ['carol'] } : refused('unknown'));
      user.send(sends + ending);
      expect(user.take()).toBe(back.map((line) => line + ending).join(''));
      expect(other.take()).toBe('');
      expect(table.log).toEqual(log);
      expect(user.isClosed).toBe(closes ?? false);
    }
  });

  it('reaches one by MESG and all others by BCST, each with the line end they use', () => {
    const table = new LineTable();
    const mat = table.user('mat0299', '\r\n');
    const brb = table.user('brb5678');
    const asd = table.user('asd6789', '\r\n');
    mat.send('MESG brb5678 text to the end\r\nMESG brb5678  two spaces \r\nBCST to  all\r\n');
    expect(brb.take()).toBe('FROM mat0299: text to the end\nFROM mat0299:  two spaces \nFROM mat0299: to  all\n');
    expect(asd.take()).toBe('FROM mat0299: to  all\r\n');
    expect(mat.take()).toBe('');
    expect(table.log).toEqual([]);
    expect(table.others).toEqual([]);
  });

  it('frees the name at once, by QUIT and by a broken connection', () => {
    for (const end of ['QUIT', 'drop'] as const) {
      const table = new LineTable();
      const first = table.user('mat0299');
      const second = table.connect();
      if (end === 'QUIT') first.send('QUIT\nMESG mat0299 ghost\n');
      else first.drop();
      expect(table.others).toEqual([{ type: 'gone', fd: 5, how: end === 'QUIT' ? 'ended' : 'dropped' }]);
      expect(table.log).toContain('Client (5): Disconnecting User.');
      second.send('JOIN mat0299\nMESG mat0299 me\n');
      expect(second.take()).toBe('JOIN mat0299 Request Accepted\nFROM mat0299: me\n');
    }
  });

  it('is looked up exactly as typed', () => {
    const table = new LineTable();
    const bob = table.user('Bob');
    const asked: LineAsk[] = [];
    table.decide = (ask) => {
      asked.push(ask);
      return { type: 'done' };
    };
    bob.send('MESG bob x\nMESG Bob y\n');
    expect(bob.take()).toBe('FROM Bob: y\n');
    expect(asked).toEqual([{ type: 'say', to: 'bob', text: 'x' }]);
  });

  it('logs who reached whom only where that is asked for, and never what was said', () => {
    const table = new LineTable({ logsMessages: true });
    const user = table.user('mat0299');
    user.send('MESG mat0299 secret\nBCST secret\nMESG alice secret\n');
    expect(table.log).toEqual(['Client (5): MESG mat0299', 'Client (5): BCST', 'Client (5): MESG alice']);
  });
});

describe('the world', () => {
  it('is asked to broadcast only with the setting', () => {
    for (const broadcastAll of [false, true]) {
      const table = new LineTable({ broadcastAll });
      const user = table.user('mat0299');
      const other = table.user('brb5678');
      const asked: LineAsk[] = [];
      table.decide = (ask) => {
        asked.push(ask);
        return { type: 'done' };
      };
      user.send('BCST hi\u0007\n');
      expect(other.take()).toBe('FROM mat0299: hi?\n');
      expect(asked).toEqual(broadcastAll ? [{ type: 'broadcast', text: 'hi?' }] : []);
    }
  });

  it.each([
    ['unknown', 'Unknown Recipient (alice). MESG Discarded.', 'Unknown Recipient (alice). MESG Discarded.'],
    ['busy', 'BUSY (alice). 2 MESGs Discarded.', 'BUSY (alice). MESG Discarded.'],
    ['declined', 'DECLINED (alice). 2 MESGs Discarded.', 'DECLINED (alice). MESG Discarded.'],
    ['failed', 'Not Delivered (alice): 2 Message(s).', 'Not Delivered (alice): 1 Message(s).'],
  ] as const)('may find that a user is %s, later or at once', (why, ofTwo, ofOne) => {
    const table = new LineTable();
    const user = table.user('mat0299');
    table.tell(user, { type: 'refused', peer: 'alice', why, lost: 2 });
    expect(user.take()).toBe(`${ofTwo}\n`);
    table.decide = () => refused(why);
    user.send('MESG alice x\n');
    expect(user.take()).toBe(`${ofOne}\n`);
  });

  it.each([
    [
      'QUIT',
      'ended',
      (user: LineClient) => {
        user.send('MESG alice x\nQUIT\nLIST\n');
      },
    ],
    [
      'saying no more',
      'dropped',
      (user: LineClient) => {
        user.send('MESG alice x\n');
        user.end();
      },
    ],
  ])('may need a while for what was said before %s; then the user goes', (_, how, leave) => {
    const table = new LineTable();
    const user = table.user('mat0299');
    const asks: string[] = [];
    table.decide = (ask) => {
      asks.push(ask.type);
      return ask.type === 'settle' ? undefined : { type: 'done' };
    };
    leave(user);
    expect(asks).toEqual(['say', 'settle']);
    expect([user.isClosed, user.take()]).toEqual([false, '']);
    table.tell(user, { type: 'lost', peer: 'alice', count: 1 });
    table.answer({ type: 'done' });
    expect([user.isClosed, user.take()]).toEqual([true, 'Not Delivered (alice): 1 Message(s).\n']);
    expect(table.others.at(-1)).toEqual({ type: 'gone', fd: 5, how });
    expect(table.log.at(-1)).toBe('Client (5): Disconnecting User.');
  });

  it('is not asked about who was never registered', () => {
    const table = new LineTable();
    const stranger = table.connect();
    stranger.send('LIST\nLIS');
    stranger.end();
    expect([stranger.isClosed, stranger.take()]).toEqual([true, `${unregistered}\n`]);
  });

  it('tells what native users say, a line each, and what they did not get', () => {
    const table = new LineTable();
    const user = table.user('mat0299', '\r\n');
    table.tell(user, { type: 'text', from: 'alice', room: null, text: 'hello\nyou\tthere' });
    table.tell(user, { type: 'lost', peer: 'alice', count: 2 });
    expect(user.take()).toBe('FROM alice: hello\r\nFROM alice: you there\r\nNot Delivered (alice): 2 Message(s).\r\n');
    table.tell(user, { type: 'text', from: 'alice', room: null, text: 'x\n'.repeat(16 * 1024) });
    expect(user.take().length).toBeLessThan(64 * 1024);
    const stranger = table.connect();
    table.tell(stranger, { type: 'text', from: 'alice', room: null, text: 'hello' });
    expect(stranger.take()).toBe('');
  });

  it('may end', () => {
    const table = new LineTable();
    const user = table.user('mat0299');
    table.tell(user, { type: 'shutdown' });
    expect(user.take()).toBe('Server Shutting Down. Disconnecting User.\n');
    expect(user.isClosed).toBe(true);
  });

  it('is waited for by one connection, whose lines keep their order; the others go on', () => {
    const table = new LineTable();
    const user = table.user('mat0299');
    const other = table.user('brb5678');
    table.decide = () => undefined;
    user.send('MESG alice 1\nMESG bob 2\nMESG mat0299 3\n');
    user.send('LIST\nMESG ma');
    user.send('t0299 4\r\nMESG carol 5\n');
    expect(table.service.isWaiting(user.fd)).toBe(true);
    other.send('MESG brb5678 meanwhile\n');
    expect(other.take()).toBe('FROM brb5678: meanwhile\n');
    expect(table.asked.map(({ ask }) => ask)).toEqual([{ type: 'say', to: 'alice', text: '1' }]);
    expect(user.take()).toBe('');
    table.answer(refused('busy'));
    table.answer(refused('unknown'));
    expect(user.take()).toBe(
      'BUSY (alice). MESG Discarded.\nUnknown Recipient (bob). MESG Discarded.\nFROM mat0299: 3\n',
    );
    table.answer({ type: 'names', names: ['alice\u0000'] });
    expect(user.take()).toBe(`USERNAME FD\n${rule}\nmat0299 5\nbrb5678 6\nalice? 0\n${rule}\nFROM mat0299: 4\r\n`);
    table.answer({ type: 'done' });
    expect(table.service.isWaiting(user.fd)).toBe(false);
    expect(table.asked).toEqual([]);
  });

  it('answers in vain one who is gone, though another has the number', () => {
    const table = new LineTable();
    table.decide = () => undefined;
    const first = table.connect();
    first.send('JOIN one\n');
    first.drop();
    expect(table.others).toEqual([{ type: 'gone', fd: 5, how: 'dropped' }]);
    const second = table.connect();
    expect(second.fd).toBe(first.fd);
    second.send('JOIN two\n');
    table.answer({ type: 'done' });
    expect(second.take()).toBe('');
    table.answer({ type: 'done' });
    expect(second.take()).toBe('JOIN two Request Accepted\n');
  });
});
