import { describe, expect, it } from '@jest/globals';
import { EventBacklog } from '../event-backlog.js';
import { FakeClient, ManualTimer } from '../fake-client.fixture.js';
import { makeStyle, type Style } from '../style.js';
import { splitFirstWord } from '../tokens.js';
import { commandNamed, commands, findCommand, shownCommandWord, suggestedCommand, takesPassword } from './index.js';

const style = makeStyle({ colour: false, ascii: true, keyOf: () => null });

function setUp() {
  const client = new FakeClient();
  const progress: string[] = [];
  const context = {
    client,
    backlog: new EventBacklog(),
    timer: new ManualTimer(),
    signal: new AbortController().signal,
    progress: (line: (style: Style) => string) => progress.push(line(style)),
  };
  const run = (line: string) => {
    const { word, rest } = splitFirstWord(line);
    return findCommand(word).prepare(rest)(context);
  };
  return { client, context, progress, run };
}

describe('the table of commands', () => {
  it.each(commands.map((command) => [command.name, command] as const))('%s has a usage and a doc', (_name, command) => {
    expect(command.usage).toMatch(new RegExp(`^${command.name}( |$)`));
    expect(command.doc).not.toBe('');
    expect([command.doc, ...(command.details ?? [])].join('')).not.toMatch(/\n/);
  });

  it('names no two commands alike', () => {
    const names = commands.flatMap(({ name, long }) => [...new Set([name, long])]);
    expect(new Set(names).size).toBe(names.length);
  });

  it('has all that is promised, by short name, long name and with a slash', () => {
    const promised = {
      ...{ c: 'connect', register: 'register', login: 'login', lu: 'users', lcu: 'connected', lr: 'rooms' },
      ...{ lru: 'room-users', o: 'open', or: 'enter', s: 'send', l: 'status', cs: 'leave', cr: 'close-room' },
      ...{
        accept: 'accept',
        decline: 'decline',
        trust: 'trust',
        path: 'path',
        doctor: 'doctor',
        d: 'disconnect',
        x: 'exit',
        help: 'help',
      },
    };
    for (const [short, long] of Object.entries(promised)) {
      const command = commandNamed(short);
      expect(command?.name).toBe(short);
      for (const word of [long, `/${short}`, `/${long}`]) expect(commandNamed(word)).toBe(command);
    }
  });
});

describe('right commands', () => {
  it.each<[string, unknown[]]>([
    ['c localhost:7420', ['connect', 'localhost:7420']],
    ['c', ['discover']],
    ['register alice "my pass word"', ['register', 'alice', 'my pass word']],
    ['login alice pa"ss', ['login', 'alice', 'pa"ss']],
    ['login alice ""', ['login', 'alice', '']],
    ['lu', ['users']],
    ['lcu', ['connectedUsers']],
    ['lr', ['rooms']],
    ['lru lobby', ['roomMembers', 'lobby']],
    ['/o bob', ['open', 'bob']],
    ['or lobby', ['enter', 'lobby']],
    ['cs', ['leave']],
    ['cr lobby', ['closeRoom', 'lobby']],
    ['accept', ['accept']],
    ['decline', ['decline']],
    ['trust bob', ['trust', 'bob']],
    ['trust [::1]:7420', ['trust', '[::1]:7420']],
    ['doctor', ['diagnose']],
    ['doctor bob', ['diagnose', 'bob']],
    ['d', ['disconnect']],
    ['x', ['close']],
  ])('%s', async (line, call) => {
    const { client, run } = setUp();
    const outcome = await run(line);
    expect(client.calls).toEqual([call]);
    expect(outcome.lines(style).join('')).not.toMatch(/undefined|\n/);
  });

  it('s sends the rest of the line as it is', async () => {
    const { client, run } = setUp();
    await client.open('bob');
    const outcome = await run('s  "two" spaces \\ and more ');
    expect(client.calls.at(-1)).toEqual(['send', ' "two" spaces \\ and more ']);
    expect(outcome.data).toEqual({ id: 'id-1' });
    expect(outcome.sent).toEqual({ id: 'id-1', to: ['bob'], text: ' "two" spaces \\ and more ' });
  });

  it('c shows the fingerprint at first contact', async () => {
    const { run } = setUp();
    expect((await run('c localhost')).lines(style).join('\n')).toContain('AB:CD');
  });

  it('l tells where one is', async () => {
    const { client, run } = setUp();
    expect((await run('l')).lines(style)).toEqual(['not connected']);
    await client.connect('localhost:7420');
    await client.login('alice', 'secret99');
    expect((await run('l')).lines(style)).toEqual([
      'logged in as alice at localhost:7420',
      'key of this device: key of this device',
      'no session or room is open',
    ]);
    await client.enter('lobby');
    expect((await run('l')).lines(style).at(-1)).toBe('in room "lobby", path direct, round trip 1.5 ms');
  });

  it('l shows the keys that two people compare', async () => {
    const { client, run } = setUp();
    await client.connect('localhost:7420');
    await client.login('alice', 'secret99');
    await client.open('bob');
    expect((await run('l')).lines(style)).toEqual([
      'logged in as alice at localhost:7420',
      'key of this device: key of this device',
      'connected to "bob", path direct, round trip not measured yet',
      'key of bob: key of bob',
    ]);
  });

  it('every way into a conversation, and l, say that the server can read it', async () => {
    const { client, run } = setUp();
    const plainly = 'gateway (NOT end-to-end encrypted, the server can read it)';
    client.path = 'gateway';
    await client.connect('localhost:7420');
    await client.login('alice', 'secret99');
    for (const line of ['o zed', 'accept']) expect((await run(line)).lines(style)).toEqual([`path: ${plainly}`]);
    expect((await run('or lobby')).lines(style)).toEqual([
      'in #lobby, owner alice; in it: alice, bob',
      `path: ${plainly}`,
    ]);
    expect((await run('l')).lines(style).at(-1)).toBe(`in room "lobby", path ${plainly}, round trip 1.5 ms`);
    // Though nobody has measured anything yet.
    const conversation = {
      kind: 'room',
      name: 'lobby',
      path: 'gateway',
      rttMs: null,
      reports: new Map(),
      keys: null,
    } as const;
    client.state = { ...client.state, conversation };
    expect((await run('l')).lines(style).at(-1)).toContain(`in room "lobby", path ${plainly}`);
    const session = {
      kind: 'user',
      name: 'zoe',
      path: 'gateway',
      rttMs: null,
      reports: new Map(),
      keys: null,
    } as const;
    client.state = { ...client.state, conversation: session };
    const status = await run('l');
    expect(status.lines(style).at(-1)).toBe(`connected to "zoe", path ${plainly}, round trip not measured yet`);
    expect(status.data).toMatchObject({ conversation: { path: 'gateway' } });
  });

  it('c without an address lists the servers of the LAN, as text that can be typed', async () => {
    const { client, run } = setUp();
    expect((await run('c')).lines(style)).toEqual([
      'no server on this LAN says that it is there; c <host> connects to one you know',
    ]);
    client.found = [
      { name: 'Parley on attic', host: 'attic.local', port: 7420, address: '192.0.2.5' },
      { name: 'den', host: 'den.local', port: 7421, address: '2001:db8::5' },
    ];
    const listed = await run('c');
    expect(listed.lines(style)).toEqual([
      '1  Parley on attic  192.0.2.5:7420',
      '2  den              [2001:db8::5]:7421',
    ]);
    expect(listed.data).toEqual({ servers: client.found });
  });

  it('lcu marks who is behind a gateway, and shows nothing raw', async () => {
    const { client, run } = setUp();
    client.online.push({ name: 'yvonne', door: 'tel\u001bex' });
    expect((await run('lcu')).lines(style)).toEqual([
      'alice',
      'bob',
      'zed     line gateway, NOT end-to-end encrypted, the server can read it',
      'yvonne  tel\\u{1b}ex gateway, NOT end-to-end encrypted, the server can read it',
    ]);
  });

  it('trust says what it means to trust a user without a key', async () => {
    const { client, run } = setUp();
    expect((await run('trust bob')).lines(style)).toEqual(['bob is trusted with', '  EF:01']);
    client.trust = (trusted) => Promise.resolve({ trusted, fingerprint: 'gateway' });
    expect((await run('trust bob')).lines(style)).toEqual([
      'the key of bob is forgotten',
      'what is said to bob goes through a gateway: NOT end-to-end encrypted, the server can read it',
    ]);
  });

  it('l says that a connection is lost and tried again', async () => {
    const { client, run } = setUp();
    client.state = { server: null, lostServer: 'localhost:7420', user: 'bob', conversation: null };
    const lost = await run('l');
    expect(lost.lines(style)).toEqual(['connection to localhost:7420 lost, trying again; logged in as bob']);
    expect(lost.data).toEqual({ server: null, user: 'bob', conversation: null });
  });

  it('l tells of no way to nobody', async () => {
    const { client, run } = setUp();
    const conversation = {
      kind: 'room',
      name: 'lobby',
      path: 'direct',
      rttMs: null,
      reports: new Map(),
      keys: null,
    } as const;
    client.state = { ...client.state, server: 'localhost:7420', user: 'alice', conversation };
    expect((await run('l')).lines(style).at(-1)).toBe('in room "lobby"');
  });

  it.each([
    [0.034_567, '0.035 ms', 0.035],
    [1.234_567, '1.2 ms', 1.235],
    [23.456_78, '23 ms', 23.457],
    [234.567_89, '235 ms', 234.568],
  ])('l rounds %d ms', async (rttMs, shown, data) => {
    const { client, run } = setUp();
    const conversation = { kind: 'user', name: 'bob', path: 'direct', rttMs, reports: new Map(), keys: null } as const;
    client.state = { ...client.state, server: 'localhost:7420', user: 'alice', conversation };
    const outcome = await run('l');
    expect(outcome.lines(style)).toContain(`connected to "bob", path direct, round trip ${shown}`);
    expect(outcome.data).toMatchObject({ conversation: { rttMs: data } });
  });

  it('o says when a call rings for longer than half a second', async () => {
    const { client, context, progress, run } = setUp();
    await run('o bob');
    context.timer.advance(500);
    expect(progress).toEqual([]);
    client.hanging.add('open');
    void run('o carol').catch(() => undefined);
    context.timer.advance(499);
    expect(progress).toEqual([]);
    context.timer.advance(1);
    expect(progress).toEqual(['calling carol ... (Ctrl-C takes it back)']);
  });

  it('cr says that a room is closed, but not to whoever is in it: the event does', async () => {
    const { client, run } = setUp();
    expect((await run('cr lobby')).lines(style)).toEqual(['#lobby is closed']);
    await client.enter('lobby');
    expect((await run('cr other')).lines(style)).toEqual(['#other is closed']);
    expect((await run('cr lobby')).lines(style)).toEqual([]);
  });

  it('help fits the terminal and breaks no word', async () => {
    const { run } = setUp();
    const plain = (await run('help')).lines(style).join(' ').split(/\s+/);
    for (const columns of [200, 100, 80, 60, 40]) {
      const narrow = makeStyle({ colour: false, ascii: true, keyOf: () => null, columns: () => columns });
      for (const line of ['help', ...commands.map(({ name }) => `help ${name}`)]) {
        const shown = (await run(line)).lines(narrow);
        for (const row of shown) {
          expect(row).not.toContain('\n');
          expect(row.length).toBeLessThan(Math.max(columns, 'wait <event> [field=value ...] [timeout]'.length + 1));
        }
        if (line === 'help') expect(shown.join(' ').split(/\s+/)).toEqual(plain);
      }
    }
  });

  it('help continues a line below its beginning', async () => {
    const narrow = makeStyle({ colour: false, ascii: true, keyOf: () => null, columns: () => 60 });
    const lines = (await setUp().run('help')).lines(narrow);
    const at = lines.findIndex((line) => line.startsWith('o <user>'));
    expect(lines.slice(at, at + 2)).toEqual([
      'o <user>              opens a session with a user; leaves',
      '                      what is open first (open)',
    ]);
  });

  it('help explains all commands, or one by any of its names', async () => {
    const { run } = setUp();
    const all = await run('help');
    expect(all.lines(style)).toHaveLength(commands.length + 1);
    const one = await run('help /open');
    expect(one.data).toEqual({
      commands: [expect.objectContaining({ command: 'o', long: 'open', usage: 'o <user>' })],
    });
    expect(one.lines(style)[0]).toContain('o <user>');
  });

  it('wait takes an event that came before', async () => {
    const { context, run } = setUp();
    context.backlog.add({
      event: 'message',
      from: 'bob',
      room: null,
      text: 'good morning',
      id: 'x',
      seq: 1,
      at: 'now',
    });
    const outcome = await run('wait message from=bob text="good morning" seq=1 room=null 10s');
    expect(outcome.data).toMatchObject({ event: 'message', text: 'good morning' });
  });

  it('wait waits five seconds, or as long as it is told', async () => {
    const { context, run } = setUp();
    const waits: [string, number][] = [
      ['wait message', 5_000],
      ['wait message from=bob 200ms', 200],
    ];
    for (const [line, ms] of waits) {
      const waiting = run(line);
      expect(context.timer.nextMs).toBe(ms);
      context.timer.advance(ms);
      await expect(waiting).rejects.toMatchObject({ code: 'TIMEOUT' });
    }
  });

  it('sleep sleeps', async () => {
    const { context, run } = setUp();
    const sleeping = run('sleep 200ms');
    expect(context.timer.nextMs).toBe(200);
    context.timer.advance(200);
    expect((await sleeping).data).toEqual({ ms: 200 });
  });
});

describe('wrong commands', () => {
  const long = 'a'.repeat(300);
  it.each([
    ['c ""', 'the server is empty'],
    ['c a b', 'too many arguments: 1 wanted, 2 given'],
    [`c ${long}`, 'the server is longer than 260 characters'],
    ['c a\u001bb', 'the server holds control characters'],
    ['register', 'the user is missing'],
    ['register alice', 'the password is missing'],
    ['register alice secret99 more', 'too many arguments: 2 wanted, 3 given'],
    ['login alice', 'the password is missing'],
    ['login alice secret\u0007', 'the password holds control characters'],
    ['login alice "secret', 'a quoted word needs a closing "'],
    ['lu now', 'too many arguments: none wanted, 1 given'],
    ['lcu now', 'too many arguments'],
    ['lr now', 'too many arguments'],
    ['lru', 'the room is missing'],
    ['lru a b', 'too many arguments'],
    ['o', 'the user is missing'],
    ['o ""', 'the user is empty'],
    ['o bob carol', 'too many arguments'],
    [`o ${long}`, 'the user is longer than 256 characters'],
    ['o b\u202eob', 'the user holds control characters'],
    ['or', 'the room is missing'],
    ['s', 'the message is missing'],
    ['s ', 'the message is missing'],
    ['l now', 'too many arguments'],
    ['cs now', 'too many arguments'],
    ['cr', 'the room is missing'],
    ['accept bob', 'too many arguments'],
    ['decline bob', 'too many arguments'],
    ['trust', 'the user or server is missing'],
    ['path bob sideways', 'a policy is auto, direct-only, relay-only or default'],
    ['path bob auto now', 'too many arguments'],
    ['path ""', 'the user is empty'],
    [`path ${long}`, 'the user is longer than 256 characters'],
    ['path b\u202eob auto', 'the user holds control characters'],
    ['path relay-only', 'the user comes first, then the policy'],
    ['path default', 'the user comes first, then the policy'],
    ['doctor bob carol', 'too many arguments'],
    ['doctor b\u202eob', 'the user holds control characters'],
    ['d now', 'too many arguments'],
    ['x now', 'too many arguments'],
    ['help o s', 'too many arguments'],
    ['sleep', 'the time is missing'],
    ['sleep 5', 'a time is a number with ms, s or m'],
    ['wait', 'the event is missing'],
    ['wait Message', 'the event is one of message, receipt, session, room, server'],
    ['wait session way=gateway', 'the fields of session are peer, state, path, reason'],
    ['wait message form=bob', 'the fields of message are from, room, text, id, seq, at'],
    ['wait message __proto__=x', 'behind the event come field=value'],
    ['wait message 5s from=bob', 'behind the event come field=value'],
    ['wait message from=bob 9', 'behind the event come field=value'],
  ])('%j: %s', (line, problem) => {
    const { client, run } = setUp();
    const thrown = errorOf(() => run(line));
    expect(thrown).toMatchObject({ code: 'USAGE' });
    expect(thrown.message).toContain(problem);
    expect(thrown.message).toContain(`; usage: ${findCommand(splitFirstWord(line).word).usage}`);
    expect(thrown.message).not.toMatch(/secret|[\u0000-\u001f\u202e]/);
    expect(client.calls).toEqual([]);
  });

  it('a password beyond all rules is refused here, for the line to the server has a limit', () => {
    const { client, run } = setUp();
    for (const word of ['login', 'register']) {
      expect(errorOf(() => run(`${word} alice ${'p'.repeat(5_000)}`))).toMatchObject({ code: 'PASSWORD_INVALID' });
    }
    expect(client.calls).toEqual([]);
  });

  it.each([
    ['LU', 'did you mean lu?'],
    ['/Open', 'did you mean open?'],
    ['opne', 'did you mean open?'],
    ['regster', 'did you mean register?'],
    ['q', 'help lists the commands'],
    ['something', 'help lists the commands'],
    ['', 'help lists the commands'],
    ['/opne', 'did you mean open?'],
    ['//o', 'help lists'],
    ['__proto__', 'help lists the commands'],
    ['\u001b[31m', '\\u{1b}[31m'],
  ])('%j is unknown: %s', (word, hint) => {
    const thrown = errorOf(() => findCommand(word));
    expect(thrown).toMatchObject({ code: 'UNKNOWN_COMMAND' });
    expect(thrown.message).toContain(hint);
  });

  it('an unknown word is shown printable and short', () => {
    expect(shownCommandWord('x'.repeat(100))).toHaveLength(32);
    expect(shownCommandWord('\u001b'.repeat(100))).toHaveLength(32);
    expect(shownCommandWord('\u001b[2J')).toBe('\\u{1b}[2J');
  });

  it('a huge word costs nothing and suggests nothing', () => {
    expect(suggestedCommand('a'.repeat(60_000))).toBeUndefined();
  });

  it('knows where a password may stand', () => {
    const words = ['login', 'LOGIN', '/Register', 'lu', 'L', 'logged'];
    expect(words.map(takesPassword)).toEqual([true, true, true, false, false, false]);
  });
});

function errorOf(work: () => unknown): Error {
  try {
    void work();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}
