import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { notificationLine } from '@parley/protocol';
import { RequestDispatcher } from '../dispatch/request-dispatcher.js';
import { FakeWorld } from '../domain/fake-world.fixture.js';
import { handlers } from '../handlers/index.js';
import { silentLog } from '../log.js';
import { defaultOptions } from '../options.js';
import { RawClient } from '../raw-client.fixture.js';
import { ControlConnection, plainAddress } from './control-connection.js';
import { SendQueues } from './send-queues.js';

let world: FakeWorld;
let server: Server;
let client: RawClient;
let connection: ControlConnection;
let closed: Promise<void>;
let accepted: Socket;
let sendQueues: SendQueues;
let now: number;

beforeEach(async () => {
  world = new FakeWorld();
  now = 0;
  server = createServer().listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const connected = once(server, 'connection') as Promise<[Socket]>;
  const outgoing = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  [accepted] = await connected;
  sendQueues = new SendQueues(defaultOptions.sendQueuesBytes);
  client = new RawClient(outgoing);
  closed = new Promise((resolve) => {
    connection = new ControlConnection(accepted, {
      dispatcherFor: (one) =>
        new RequestDispatcher(
          {
            ...{ handlers, messenger: world.messenger, log: silentLog, monotonicMs: () => 0 },
            settings: defaultOptions,
            server: { agent: 'test', stunPort: 1, otherStunPort: 2, relays: false, pingIntervalMs: 20_000 },
            relay: null,
          },
          one,
        ),
      clock: world.clock,
      log: silentLog,
      monotonicMs: () => now,
      settings: defaultOptions,
      sendQueues,
      closed: () => {
        resolve();
      },
    });
  });
});

afterEach(async () => {
  client.socket.destroy();
  await closed;
  server.close();
  expect(world.clock.pendingTimers).toBe(0);
});

describe('ControlConnection', () => {
  it('drops what may be lost while a client reads too slowly, and nothing else', async () => {
    client.socket.pause();
    const frames = [Buffer.alloc(1_500).toString('base64')];
    // More than the systems on the way take, and than may wait.
    for (let count = 0; count < 10_000; count += 1) connection.notify('relay.frames', { frames }, 'allowed');
    expect(accepted.writableLength).toBeGreaterThan(defaultOptions.lossyQueueBytes);
    expect(accepted.writableLength).toBeLessThan(defaultOptions.lossyQueueBytes + 4_096);
    connection.notify('server.replaced', {});
    client.socket.resume();
    await client.event('server.replaced');
    expect(client.untaken.length).toBeGreaterThan(20);
    expect(client.untaken.length).toBeLessThan(10_000);
    connection.notify('relay.frames', { frames }, 'allowed');
    connection.notify('server.ping', {});
    const before = client.untaken.length;
    await client.event('server.ping');
    expect(client.untaken.length).toBe(before + 1);
  });

  it('pings, and drops a client of which nothing came for two whole intervals', async () => {
    world.clock.advance(20_000);
    await client.event('server.ping');
    await client.call('server.ping');
    world.clock.advance(20_000);
    await client.event('server.ping');
    world.clock.advance(20_000);
    await client.event('server.ping');
    world.clock.advance(20_000);
    await Promise.all([client.closed, closed]);
    expect(client.untaken).toEqual([]);
  });

  it('drops a client that was silent from the start', async () => {
    world.clock.advance(39_999);
    await client.event('server.ping');
    world.clock.advance(1);
    await Promise.all([client.closed, closed]);
  });

  it('drops a client that does not read before its queue is too long', () => {
    client.socket.pause();
    const params = { room: 'lobby', user: 'anna', reason: 'left' } as const;
    const lineBytes = notificationLine('room.left', params).length;
    // Several times what is allowed: what goes beyond it is not kept.
    const lines = Math.ceil((defaultOptions.sendQueueBytes * 8) / lineBytes);
    for (let count = 0; count < lines; count += 1) connection.notify('room.left', params);
    return closed;
  });

  it('counts what the runtime keeps for each line that waits', () => {
    accepted.cork();
    for (let bytes = 0; bytes < defaultOptions.sendQueueBytes; bytes += 256) connection.notify('server.ping', {});
    return closed;
  });

  it('shares a bound with all other clients', () => {
    let dropped = false;
    const greedy = { drop: () => void (dropped = true) };
    sendQueues.set(greedy, defaultOptions.sendQueuesBytes - 1_000);
    accepted.cork();
    connection.notify('server.ping', {});
    expect(dropped).toBe(false);
    for (let count = 0; count < 10; count += 1) connection.notify('server.ping', {});
    expect(dropped).toBe(true);
    expect(accepted.destroyed).toBe(false);
  });

  it.each([
    ['empty lines', '\n'],
    ['requests', '{"jsonrpc":"2.0","id":1,"method":"server.ping"}\n'],
    ['notifications', '{"jsonrpc":"2.0","method":"server.ping"}\n'],
    ['lines that are no request', '{}\n'],
  ])('cuts off a client that sends too many %s', async (_what, line) => {
    client.send(line.repeat(defaultOptions.lineRate.burst + 1));
    await Promise.all([client.closed, closed]);
    expect(client.untaken.at(-1)).toMatchObject({ id: null, error: { data: { code: 'RATE_LIMITED' } } });
  });

  it('counts a long line once for each 4 KiB', async () => {
    const line = `${'x'.repeat(60 * 1024)}\n`;
    client.send(line.repeat(Math.ceil(defaultOptions.lineRate.burst / 16) + 1));
    await Promise.all([client.closed, closed]);
    expect(client.untaken.at(-1)).toMatchObject({ error: { data: { code: 'RATE_LIMITED' } } });
  });

  it('takes as many lines again as the rate gives', async () => {
    const { burst, perSecond } = defaultOptions.lineRate;
    client.send('\n'.repeat(burst));
    for (let answers = 0; answers < burst; answers += 1) await client.reply(null);
    now = 1000 / perSecond;
    expect(await client.call('server.ping')).toEqual({});
  });

  it('sends what was said before it closes, and nothing after', async () => {
    connection.notify('room.closed', { room: 'lobby' });
    connection.close();
    connection.notify('room.closed', { room: 'other' });
    expect(await client.event('room.closed')).toEqual({ room: 'lobby' });
    await client.closed;
    expect(client.untaken).toEqual([]);
  });

  it('waits a bounded time for a client to go', async () => {
    client.socket.pause();
    connection.close();
    world.clock.advance(3_000);
    await closed;
  });

  it('drains: answers what waits, takes no more', async () => {
    let finish: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (finish = resolve));
    world.accounts.find = async () => {
      await held;
      return undefined;
    };
    const credentials = { name: 'anna', password: 'password', deviceKey: `${'A'.repeat(43)}=` };
    const waiting = client.ask('account.login', credentials);
    await client.call('server.ping');
    const drained = connection.drain();
    client.ask('server.ping');
    finish();
    expect((await client.reply(waiting)).error?.data.code).toBe('BAD_CREDENTIALS');
    await Promise.all([drained, client.closed]);
    expect(client.untaken).toEqual([]);
  });
});

describe('plainAddress', () => {
  it('shows IPv4 as such', () => {
    expect(plainAddress('::ffff:192.0.2.1')).toBe('192.0.2.1');
    expect(plainAddress('192.0.2.1')).toBe('192.0.2.1');
    expect(plainAddress('2001:db8::1')).toBe('2001:db8::1');
    expect(plainAddress('::ffff:0:1')).toBe('::ffff:0:1');
  });
});
