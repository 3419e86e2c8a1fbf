import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeWorld } from '../domain/fake-world.fixture.js';
import { silentLog } from '../log.js';
import { ConnectionPool } from './connection-pool.js';
import { GatewayListener, type GatewaySocket } from './gateway-listener.js';
import { StatusLog } from './status-log.js';
import { until } from './until.fixture.js';

const sendQueueBytes = 64 * 1024;

let world: FakeWorld;
let listeners: GatewayListener[];
let sockets: Socket[];
/** The other ends, in the order they came. */
let accepted: GatewaySocket[];
/** Those of them that are gone. */
let gone: GatewaySocket[];

beforeEach(() => {
  world = new FakeWorld();
  listeners = [];
  sockets = [];
  accepted = [];
  gone = [];
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(listeners.map((listener) => listener.close()));
});

/** @returns its port */
async function listen(pool: ConnectionPool): Promise<number> {
  const { clock } = world;
  // Of this test, however late its last ones go.
  const [ours, departed] = [accepted, gone];
  const listener = new GatewayListener({
    name: 'test',
    portFlag: '--port',
    pool,
    strangerMs: 60_000,
    sendQueueBytes,
    clock,
    log: silentLog,
    statusLog: new StatusLog(silentLog, () => clock.now()),
    accept: (socket) => {
      ours.push(socket);
      return {
        received: () => undefined,
        closed: () => {
          departed.push(socket);
        },
      };
    },
  });
  listeners.push(listener);
  return (await listener.listen('127.0.0.1', 0)).port;
}

/** One that has been accepted; it never ends its own side by itself. */
async function client(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  sockets.push(socket);
  socket.on('error', () => undefined);
  const before = accepted.length;
  await once(socket, 'connect');
  await until('the client is accepted', () => accepted.length > before);
  return socket;
}

describe('the clients of gateways', () => {
  it('that are just ending make room for newcomers, though they never end their own side', async () => {
    const port = await listen(new ConnectionPool(3));
    for (let n = 0; n < 3; n += 1) {
      (await client(port)).resume();
      accepted[n]?.settle(null);
    }
    accepted[1]?.end();
    await client(port);
    expect(gone).toEqual([accepted[1]]);
    accepted[3]?.settle(null);
    // All others are settled: nobody goes, and nobody comes.
    const refused = connect({ host: '127.0.0.1', port });
    sockets.push(refused);
    refused.on('error', () => undefined);
    await once(refused, 'close');
    expect([accepted.length, gone.length]).toEqual([4, 1]);
  });

  it('of several listeners share one pool', async () => {
    const pool = new ConnectionPool(2);
    const [first, second] = [await listen(pool), await listen(pool)];
    const oldest = await client(first);
    await client(second);
    const closed = once(oldest, 'close');
    oldest.resume().end();
    await client(second);
    await closed;
    expect(gone).toEqual([accepted[0]]);
  });

  it('that are strangers are let go of when nobody is accepted any more; the others stay', async () => {
    const port = await listen(new ConnectionPool(3));
    const [stranger, again, settled] = [await client(port), await client(port), await client(port)];
    accepted[1]?.settle(null);
    accepted[1]?.unsettle();
    accepted[2]?.settle(null);
    const ends = [stranger, again].map((socket) => once(socket.resume(), 'end'));
    let isStopped = false;
    const stopped = listeners[0]?.stopAccepting().then(() => (isStopped = true));
    await Promise.all(ends);
    // They do not end their own side: cut off.
    world.clock.advance(3_000);
    await until('both strangers are gone', () => gone.length === 2);
    accepted[2]?.write('still here');
    expect(String((await once(settled, 'data'))[0])).toBe('still here');
    expect(isStopped).toBe(false);
    settled.end();
    await stopped;
    await until('the last one is gone', () => gone.length === 3);
  });

  it('may read much that was written at once', async () => {
    const port = await listen(new ConnectionPool(1));
    const socket = await client(port);
    let read = 0;
    socket.on('data', (bytes) => (read += bytes.length));
    let written = 0;
    // Far more than the queue takes, and no more than the system does.
    const piece = 'x'.repeat(4 * 1024);
    for (let n = 0; n < 256; n += 1) accepted[0]?.write(piece, () => (written += 1));
    await until('all is read', () => read === 1024 * 1024);
    await until('all is written', () => written === 256);
    expect(gone).toEqual([]);
  });

  it('that do not read are dropped', async () => {
    const port = await listen(new ConnectionPool(1));
    const socket = await client(port);
    socket.pause();
    let rounds = 0;
    for (; gone.length === 0 && rounds < 1_000; rounds += 1) {
      accepted[0]?.write(Buffer.alloc(1024 * 1024));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(gone).toHaveLength(1);
    expect(rounds).toBeLessThan(100);
  });
});
