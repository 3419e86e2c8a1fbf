import { beforeEach, describe, expect, it } from '@jest/globals';
import type { PairClient } from '@parley/gateways';
import { FakeWorld } from '../domain/fake-world.fixture.js';
import { silentLog } from '../log.js';
import { adminCommands } from './admin-commands.js';
import { AdminConsole } from './admin-console.js';
import { resultText } from './print-result.js';

let world: FakeWorld;
let stops: number;
let pairs: readonly PairClient[] | null;
let admin: AdminConsole;

beforeEach(() => {
  world = new FakeWorld();
  stops = 0;
  pairs = [];
  admin = new AdminConsole({
    messenger: world.messenger,
    pairs: () => pairs,
    stop: () => {
      stops += 1;
      return Promise.resolve();
    },
    log: silentLog,
  });
});

async function text(line: string): Promise<string> {
  const result = await admin.execute(line);
  return result ? resultText(result) : '';
}

async function fill(): Promise<void> {
  const [anna, berta] = await world.joinAll('anna', 'berta', 'carla');
  const called = world.messenger.openSession(anna.user, 'berta');
  world.messenger.answerCall(berta.user, 'anna', 'accept');
  await called;
  await world.messenger.rooms.enter(berta.user, 'lobby');
  await world.messenger.rooms.enter(anna.user, 'lobby');
  const dora = await world.join('dora');
  await world.messenger.rooms.enter(dora.user, 'attic');
  await world.messenger.accounts.logout(dora.user);
}

const since = '2023-11-14T22:13:20.000Z';

describe('the table of commands', () => {
  it('has help for every command', () => {
    for (const { name, long, usage, doc } of adminCommands) {
      expect([name, long]).toEqual([expect.stringMatching(/^[a-z]+$/), expect.stringMatching(/^[a-z-]+$/)]);
      expect(usage.startsWith(name)).toBe(true);
      expect(doc).not.toBe('');
    }
  });

  it('names each command once', () => {
    const names = adminCommands.flatMap(({ name, long }) => [...new Set([name, long])]);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('commands', () => {
  it('list what there is', async () => {
    await fill();
    expect(await admin.execute('lu')).toEqual({
      type: 'result',
      command: 'lu',
      ok: true,
      data: {
        users: [
          { name: 'anna', online: true },
          { name: 'berta', online: true },
          { name: 'carla', online: true },
          { name: 'dora', online: false },
        ],
      },
    });
    expect(await admin.execute('lcu')).toMatchObject({
      data: {
        users: [
          { name: 'anna', door: 'native', address: '192.0.2.1', port: 1, since },
          { name: 'berta' },
          { name: 'carla' },
        ],
      },
    });
    expect(await admin.execute('ls')).toMatchObject({ data: { sessions: [{ users: ['anna', 'berta'], since }] } });
    expect(await admin.execute('lr')).toMatchObject({
      data: {
        rooms: [
          { name: 'attic', owner: 'dora', members: 0 },
          { name: 'lobby', owner: 'berta', members: 2 },
        ],
      },
    });
    expect(await admin.execute('lru lobby')).toMatchObject({ data: { room: 'lobby', members: ['anna', 'berta'] } });
    expect(await admin.execute('lru attic')).toMatchObject({ data: { room: 'attic', members: [] } });
  });

  it('are read by people in columns', async () => {
    await fill();
    expect(await text('lu')).toBe('USER   ONLINE\nanna   yes\nberta  yes\ncarla  yes\ndora   no');
    expect(await text('lcu')).toContain(`anna   native  192.0.2.1  1     ${since}`);
    expect(await text('ls')).toBe(`USER  USER   SINCE\nanna  berta  ${since}`);
    expect(await text('lr')).toBe('ROOM   OWNER  MEMBERS\nattic  dora   0\nlobby  berta  2');
    expect(await text('lru lobby')).toBe('anna\nberta');
  });

  it('say when a list is empty', async () => {
    expect(await Promise.all(['lu', 'lcu', 'ls', 'lr'].map(text))).toEqual([
      'no users yet',
      'nobody is connected',
      'no sessions',
      'no rooms',
    ]);
    await fill();
    expect(await text('lru attic')).toBe('nobody is in attic');
  });

  it('list the pair chat', async () => {
    expect(await text('lp')).toBe('nobody is in the pair chat');
    pairs = [
      { address: '192.0.2.1', port: 4001, state: 'connected', with: '[2001:db8::1]:4002' },
      { address: '2001:db8::1', port: 4002, state: 'connected', with: '192.0.2.1:4001' },
      { address: '192.0.2.3', port: 4003, state: 'disconnected', with: null },
    ];
    expect(await admin.execute('lp')).toEqual({ type: 'result', command: 'lp', ok: true, data: { clients: pairs } });
    expect(await text('lp')).toBe(
      [
        'ADDRESS      PORT  STATE         WITH',
        '192.0.2.1    4001  connected     [2001:db8::1]:4002',
        '2001:db8::1  4002  connected     192.0.2.1:4001',
        '192.0.2.3    4003  disconnected  -',
      ].join('\n'),
    );
    pairs = null;
    expect(await admin.execute('lp')).toMatchObject({ ok: false, error: { code: 'USAGE' } });
    expect(await text('lp')).toBe('lp: the pair chat is off; --pair-port turns it on');
  });

  it('list all, however many', async () => {
    for (let index = 0; index < 1_201; index += 1) {
      await world.accounts.insert({ name: `user-${String(index)}`, passwordHash: '', createdAt: 0 });
    }
    expect(await admin.execute('lu')).toHaveProperty('data.users.length', 1_201);
  });

  it('have a long name and a slash form', async () => {
    for (const { name, long, words } of adminCommands) {
      const rest = words.min > 0 ? ' nowhere' : '';
      const results = await Promise.all([name, long, `/${name}`, `/${long}`].map((word) => admin.execute(word + rest)));
      for (const result of results) expect(result).toEqual(results[0]);
      expect(results[0]?.command).toBe(name);
    }
  });

  it('help with all, and with one', async () => {
    const all = await admin.execute('help');
    expect(all).toHaveProperty('data.commands.length', adminCommands.length);
    expect(await admin.execute('help room-users')).toMatchObject({
      data: { commands: [{ command: 'lru', long: 'room-users', usage: 'lru <room>', doc: 'who is in a room' }] },
    });
    expect(await text('help')).toContain('lru <room>');
    expect(await admin.execute('help nothing')).toMatchObject({ command: 'help', error: { code: 'UNKNOWN_COMMAND' } });
  });

  it('stop the server', async () => {
    expect(await admin.execute('x')).toEqual({ type: 'result', command: 'x', ok: true, data: {} });
    expect(stops).toBe(1);
  });

  it('pass over empty lines', async () => {
    for (const line of ['', '   ', '\t']) expect(await admin.execute(line)).toBeUndefined();
  });
});

describe('wrong use', () => {
  it.each([
    ['lru', 'lru', 'USAGE', 'something is missing; usage: lru <room>'],
    ['lu all', 'lu', 'USAGE', '"all" is too much; usage: lu'],
    ['lru a b', 'lru', 'USAGE', '"b" is too much; usage: lru <room>'],
    ['lru nowhere', 'lru', 'UNKNOWN_ROOM', 'no room has this name'],
    ['lru Lobby', 'lru', 'UNKNOWN_ROOM', expect.stringContaining('a-z')],
    [`lru ${'x'.repeat(500)}`, 'lru', 'UNKNOWN_ROOM', expect.stringContaining('2 to 32')],
    ['lru lob\u001b[31mby', 'lru', 'USAGE', '"lob\\u{1b}[31mby" holds control characters'],
    [`lu ${'x'.repeat(2_000)}`, 'lu', 'USAGE', 'the line is too long'],
    ['LU', 'LU', 'UNKNOWN_COMMAND', 'commands are lower case: lu'],
    ['//lu', '//lu', 'UNKNOWN_COMMAND', 'no such command; help lists them all'],
    ['constructor', 'constructor', 'UNKNOWN_COMMAND', 'no such command; help lists them all'],
    ['\u202eevil\u0007', '\\u{202e}evil\\u{7}', 'UNKNOWN_COMMAND', 'no such command; help lists them all'],
    ['x now', 'x', 'USAGE', '"now" is too much; usage: x'],
  ])('%j is told in one line', async (line, command, code, message) => {
    const result = await admin.execute(line);
    expect(result?.ok === false && { command: result.command, ...result.error }).toEqual(
      line.length > 1_000 ? { command: expect.any(String), code, message } : { command, code, message },
    );
    expect(stops).toBe(0);
  });

  it('a word that is far too long is cut', async () => {
    const result = await admin.execute('y'.repeat(900));
    expect(result?.command).toBe('y'.repeat(32));
  });

  it('a defect is told as one', async () => {
    world.accounts.namesAfter = () => Promise.reject(new Error('disk on fire'));
    expect(await admin.execute('lu')).toMatchObject({ ok: false, error: { code: 'INTERNAL' } });
  });
});
