import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startServer, type RunningServer } from './compose.js';
import { deviceKey, RawClient } from './raw-client.fixture.js';

const code = (code: string) => expect.objectContaining({ code });

let directory: string;
let server: RunningServer;
let clients: RawClient[];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'parley-control-'));
  server = await startServer({
    ...{ dataDirectory: directory, host: '127.0.0.1', port: 0, tls: false, bcryptCost: 4, lingerMs: 200 },
  });
});

afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

beforeEach(() => {
  clients = [];
});

afterEach(async () => {
  for (const client of clients) client.socket.destroy();
  await Promise.all(clients.map(({ closed }) => closed));
});

async function open(): Promise<RawClient> {
  const client = await RawClient.open(server.control.port);
  clients.push(client);
  return client;
}

let users = 0;

async function openAs(prefix: string): Promise<{ client: RawClient; name: string; resumeToken: string }> {
  const client = await open();
  users += 1;
  const name = `${prefix}-${String(users)}`;
  const { resumeToken } = await client.register(name);
  return { client, name, resumeToken };
}

describe('the control port', () => {
  it('agrees on a version', async () => {
    const client = await open();
    expect(await client.call('server.hello', { protocol: 7, agent: 'test' })).toEqual({
      protocol: 1,
      agent: expect.stringMatching(/^parley-msa\/\d/),
      stunPort: server.udp.port,
      otherStunPort: server.otherUdp.port,
      relays: true,
      time: expect.any(Number),
      pingIntervalMs: 20_000,
    });
    await expect(client.call('server.hello', { protocol: 0, agent: 'test' })).rejects.toEqual(
      code('VERSION_UNSUPPORTED'),
    );
  });

  it('carries a call from ringing to the end', async () => {
    const anna = await openAs('anna');
    const berta = await openAs('berta');
    await anna.client.call('path.publish', { candidates: [{ kind: 'host', address: '192.0.2.1', port: 5 }] });
    const called = anna.client.call('session.open', { peer: berta.name });
    expect(await berta.client.event('session.incoming')).toEqual({ peer: anna.name, door: 'native' });
    const answered = await berta.client.call('session.answer', { peer: anna.name, answer: 'accept' });
    const { introduction } = await called;
    expect(introduction).toMatchObject({ peer: berta.name, role: 'initiator', deviceKey, candidates: [] });
    expect(answered['introduction']).toMatchObject({
      peer: anna.name,
      role: 'responder',
      candidates: [{ kind: 'host', address: '192.0.2.1', port: 5 }],
    });
    const { id } = introduction as { id: string };
    // Another session, an older one perhaps, is not the one that goes on.
    await anna.client.call('session.close', { peer: berta.name, id: 'ab'.repeat(16), reason: 'NO_PATH' });
    await anna.client.call('session.close', { peer: berta.name, id: null, reason: 'ended' });
    await anna.client.call('session.close', { peer: berta.name, id, reason: 'ended' });
    expect(await berta.client.event('session.closed')).toEqual({ peer: anna.name, id, reason: 'ended' });
    expect(berta.client.untaken).toEqual([]);
  });

  it('carries a room from opening to the end', async () => {
    const anna = await openAs('anna');
    const berta = await openAs('berta');
    const opened = await anna.client.call('room.enter', { room: 'lobby' });
    const entered = await berta.client.call('room.enter', { room: 'lobby' });
    expect(entered).toMatchObject({ id: opened['id'], owner: anna.name, members: [anna.name, berta.name] });
    expect(await anna.client.event('room.joined')).toMatchObject({
      room: 'lobby',
      user: berta.name,
      introduction: { role: 'responder' },
    });
    expect(await berta.client.call('room.members', { room: 'lobby' })).toMatchObject({
      members: [anna.name, berta.name],
    });
    expect(await berta.client.call('room.list')).toEqual({
      rooms: [{ name: 'lobby', owner: anna.name, members: 2 }],
      next: null,
    });
    await expect(berta.client.call('room.close', { room: 'lobby' })).rejects.toEqual(code('NOT_OWNER'));
    await anna.client.call('room.close', { room: 'lobby' });
    expect(await berta.client.event('room.closed')).toEqual({ room: 'lobby' });
    await expect(berta.client.call('room.leave', { room: 'lobby' })).rejects.toEqual(code('UNKNOWN_ROOM'));
  });

  it('logs in, out and back in', async () => {
    const { client, name, resumeToken } = await openAs('anna');
    const credentials = { name, password: `password of ${name}`, deviceKey };
    await expect(client.call('account.login', credentials)).rejects.toEqual(code('ALREADY_LOGGED_IN'));
    const other = await open();
    await expect(other.call('account.login', credentials)).rejects.toEqual(code('ALREADY_CONNECTED'));
    await expect(other.call('account.login', { ...credentials, password: 'not the password' })).rejects.toEqual(
      code('BAD_CREDENTIALS'),
    );
    expect(await other.call('account.resume', { token: resumeToken })).toEqual({ user: name });
    await client.event('server.replaced');
    await client.closed;
    await other.call('account.logout');
    await expect(other.call('user.list')).rejects.toEqual(code('NOT_LOGGED_IN'));
    await expect(other.call('account.resume', { token: resumeToken })).rejects.toEqual(code('TOKEN_INVALID'));
    expect(await other.call('account.login', credentials)).toMatchObject({ user: name });
  });

  it('takes requests about one room in the order they were sent', async () => {
    const { client } = await openAs('anna');
    const ids = ['room.enter', 'room.leave', 'room.members'].map((method) => client.ask(method, { room: 'annex' }));
    const [entered, left, members] = await Promise.all(ids.map((id) => client.reply(id)));
    expect(entered?.error).toBeUndefined();
    expect(left?.result).toEqual({});
    expect(members?.result).toMatchObject({ members: [] });
  });

  it('answers a device that comes back before it lets calls ring there', async () => {
    const anna = await openAs('anna');
    const berta = await openAs('berta');
    anna.client.ask('session.open', { peer: berta.name });
    await berta.client.event('session.incoming');
    const back = await open();
    const id = back.ask('account.resume', { token: berta.resumeToken });
    const first = await back.next();
    expect(first).toMatchObject({ id, result: { user: berta.name } });
    expect(await back.event('session.incoming')).toEqual({ peer: anna.name, door: 'native' });
  });

  it('tells a caller when the callee is gone', async () => {
    const anna = await openAs('anna');
    const berta = await openAs('berta');
    const called = anna.client.call('session.open', { peer: berta.name });
    await berta.client.event('session.incoming');
    berta.client.socket.destroy();
    await expect(called).rejects.toEqual(code('USER_OFFLINE'));
  });
});

describe('hostile input', () => {
  let honest: RawClient;
  let honestName: string;

  beforeEach(async () => {
    ({ client: honest, name: honestName } = await openAs('honest'));
  });

  // Whatever happened before: others are served as ever, and nothing has reached them.
  afterEach(async () => {
    expect(await honest.call('server.ping')).toEqual({});
    expect(await honest.call('user.connected')).toEqual({ users: [{ name: honestName, door: 'native' }], next: null });
    expect(honest.untaken).toEqual([]);
  });

  it.each([
    ['no JSON', 'hello\n', 'PARSE_ERROR', null],
    ['half a JSON text', '{"jsonrpc":"2.0"\n', 'PARSE_ERROR', null],
    ['an empty line', '\n', 'PARSE_ERROR', null],
    ['a NUL', '\0\n', 'PARSE_ERROR', null],
    ['another JSON value', '42\n', 'INVALID_REQUEST', null],
    ['null', 'null\n', 'INVALID_REQUEST', null],
    ['a batch', '[{"jsonrpc":"2.0","id":1,"method":"server.ping"}]\n', 'INVALID_REQUEST', null],
    ['no version', '{"id":1,"method":"server.ping"}\n', 'INVALID_REQUEST', 1],
    ['the wrong version', '{"jsonrpc":"1.0","id":1,"method":"server.ping"}\n', 'INVALID_REQUEST', 1],
    ['a null id', '{"jsonrpc":"2.0","id":null,"method":"server.ping"}\n', 'INVALID_REQUEST', null],
    ['a method that is no text', '{"jsonrpc":"2.0","id":1,"method":7}\n', 'INVALID_REQUEST', 1],
    ['parameters in an array', '{"jsonrpc":"2.0","id":1,"method":"server.ping","params":[]}\n', 'INVALID_REQUEST', 1],
    ['a __proto__ key', '{"jsonrpc":"2.0","id":1,"method":"server.ping","__proto__":{}}\n', 'INVALID_REQUEST', 1],
    [
      'a __proto__ key deep inside, written with escapes',
      '{"jsonrpc":"2.0","id":1,"method":"server.ping","params":{"a":[{"\\u005f_proto__":{"x":1}}]}}\n',
      'INVALID_REQUEST',
      1,
    ],
    ['an unknown method', '{"jsonrpc":"2.0","id":1,"method":"server.stop"}\n', 'UNKNOWN_METHOD', 1],
    ['a method named toString', '{"jsonrpc":"2.0","id":"a","method":"toString"}\n', 'UNKNOWN_METHOD', 'a'],
    ['a method named __proto__', '{"jsonrpc":"2.0","id":1,"method":"__proto__"}\n', 'UNKNOWN_METHOD', 1],
    ['a call before login', '{"jsonrpc":"2.0","id":1,"method":"user.list"}\n', 'NOT_LOGGED_IN', 1],
    [
      'a call before login with wrong parameters',
      '{"jsonrpc":"2.0","id":1,"method":"room.enter","params":{"room":7}}\n',
      'NOT_LOGGED_IN',
      1,
    ],
    [
      'a missing parameter',
      '{"jsonrpc":"2.0","id":1,"method":"account.login","params":{"name":"a"}}\n',
      'INVALID_PARAMS',
      1,
    ],
    [
      'a parameter of the wrong type',
      `{"jsonrpc":"2.0","id":1,"method":"account.login","params":{"name":{"$ne":1},"password":[],"deviceKey":"${deviceKey}"}}\n`,
      'INVALID_PARAMS',
      1,
    ],
    [
      'a device key that is none',
      '{"jsonrpc":"2.0","id":1,"method":"account.register","params":{"name":"abc","password":"12345678","deviceKey":"AAAA"}}\n',
      'INVALID_PARAMS',
      1,
    ],
    ['an escape character', '{"jsonrpc":"2.0","id":1,"method":"\\u001b[31m"}\n', 'UNKNOWN_METHOD', 1],
  ])('%s is answered with an error, and the connection goes on', async (_what, line, expected, id) => {
    const client = await open();
    client.send(line);
    const { error } = await client.reply(id);
    expect(error?.data.code).toBe(expected);
    // None may come back raw.
    expect(error?.message).not.toMatch(/[\u0000-\u001f]/);
    expect(await client.call('server.ping')).toEqual({});
  });

  it('wrong parameters of a user are told by their names', async () => {
    const { client } = await openAs('anna');
    await expect(client.call('room.enter', { room: 7 })).rejects.toEqual(code('INVALID_PARAMS'));
    await expect(client.call('session.answer', { peer: 'x', answer: 'maybe' })).rejects.toThrow(/^answer: /);
    await expect(
      client.call('path.publish', { candidates: [{ kind: 'host', address: '999.1.1.1', port: 1 }] }),
    ).rejects.toEqual(code('INVALID_PARAMS'));
    await expect(client.call('session.close', { peer: 'x'.repeat(300), id: null, reason: 'ended' })).rejects.toEqual(
      code('INVALID_PARAMS'),
    );
    await expect(client.call('session.close', { peer: 'berta', reason: 'ended' })).rejects.toEqual(
      code('INVALID_PARAMS'),
    );
    client.socket.destroy();
    await client.closed;
  });

  it('notifications are carried out without an answer', async () => {
    const client = await open();
    client.send('{"jsonrpc":"2.0","method":"server.ping"}\n{"jsonrpc":"2.0","method":"no.such"}\n');
    expect(await client.call('server.ping')).toEqual({});
    expect(client.untaken).toEqual([]);
  });

  it('a line of exactly 64 KiB is taken, one byte more closes the connection', async () => {
    const client = await open();
    const request = '{"jsonrpc":"2.0","id":1,"method":"server.ping"}';
    client.send(`${request.padEnd(65_536)}\n`);
    expect((await client.reply(1)).result).toEqual({});
    client.send(`${request.padEnd(65_537)}\n${request}\n`);
    expect((await client.reply(null)).error?.data.code).toBe('LINE_TOO_LONG');
    await client.closed;
    expect(client.untaken).toEqual([]);
  });

  it('an endless line closes the connection', async () => {
    const client = await open();
    const flood = setInterval(() => {
      client.send('x'.repeat(50_000));
    }, 1);
    try {
      expect((await client.reply(null)).error?.data.code).toBe('LINE_TOO_LONG');
      await client.closed;
    } finally {
      clearInterval(flood);
    }
  });

  it('bytes that are no UTF-8 close the connection', async () => {
    const client = await open();
    client.send(Buffer.from([0x22, 0xff, 0xfe, 0x22, 0x0a]));
    expect((await client.reply(null)).error?.data.code).toBe('PARSE_ERROR');
    await client.closed;
  });

  it('a character split between two packets is none of the server’s business', async () => {
    const client = await open();
    const line = Buffer.from('{"jsonrpc":"2.0","id":"é😀","method":"server.ping"}\n');
    for (const byte of line) {
      client.send(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await client.reply('é😀')).result).toEqual({});
  });

  it('half a character before the line ends closes the connection', async () => {
    const client = await open();
    client.send(Buffer.from([0x22, 0xf0, 0x9f]));
    await new Promise((resolve) => setImmediate(resolve));
    client.send(Buffer.from([0x98, 0x0a]));
    expect((await client.reply(null)).error?.data.code).toBe('PARSE_ERROR');
    await client.closed;
  });

  it('deeply nested JSON is refused or taken, never fatal', async () => {
    const client = await open();
    const depth = 30_000;
    client.send(
      `{"jsonrpc":"2.0","id":1,"method":"server.ping","params":{"a":${'['.repeat(depth)}${']'.repeat(depth)}}}\n`,
    );
    const { result, error } = await client.reply(1);
    expect(result ?? error?.data.code).toBeDefined();
  });

  it('more requests than may wait are refused, and the others are answered', async () => {
    const target = await openAs('target');
    const { client } = await openAs('anna');
    const ids = Array.from({ length: 70 }, () => client.ask('session.open', { peer: target.name }));
    const refused = await Promise.all(ids.slice(64).map((id) => client.reply(id)));
    for (const { error } of refused) {
      expect(error?.data).toEqual({ code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) });
    }
    await target.client.event('session.incoming');
    const { name } = (await client.call('server.ping').catch((error: unknown) => ({ name: error }))) as {
      name: unknown;
    };
    expect(name).toEqual(code('RATE_LIMITED'));
    target.client.ask('session.answer', { peer: 'nobody', answer: 'accept' });
    target.client.socket.destroy();
    for (const id of ids.slice(0, 64)) expect((await client.reply(id)).error?.data.code).toBe('USER_OFFLINE');
    expect(await client.call('server.ping')).toEqual({});
    client.socket.destroy();
    await Promise.all([client.closed, target.client.closed]);
  });

  it('a flood of requests is slowed down', async () => {
    const client = await open();
    const ids = Array.from({ length: 600 }, () => client.ask('server.ping'));
    const replies = await Promise.all(ids.map((id) => client.reply(id)));
    const limited = replies.filter(({ error }) => error?.data.code === 'RATE_LIMITED');
    expect(limited.length).toBeGreaterThan(0);
    expect(limited.length).toBeLessThan(101);
  });

  it('a connection that breaks in the middle of a line leaves nothing behind', async () => {
    const client = await open();
    client.send('{"jsonrpc":"2.0","id":1,"meth');
    client.socket.resetAndDestroy();
    await client.closed;
  });
});
