import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { PeerGateway } from './peer-gateway.js';
import { until } from './until.fixture.js';
import {
  OtherUser,
  basePort,
  exchange,
  gateway,
  logged,
  maxUsers,
  nack,
  parts,
  port,
  setUp,
  start,
  stopped,
  tearDown,
  up,
  upBytes,
  who,
  wire,
  world,
} from './peer-world.fixture.js';

beforeEach(setUp);
afterEach(tearDown);

describe('the gateway', () => {
  it('does not start without a port for every client', async () => {
    const settings = { port: 0, maxUsers: 3, basePort: 65_534, aliveMs: 0, allowShutdown: false };
    await expect(new PeerGateway(parts, settings).listen('127.0.0.1')).rejects.toMatchObject({
      code: 'ADDRESS_UNUSABLE',
    });
    const last = new PeerGateway(parts, { ...settings, maxUsers: 2 });
    await world.join('alice');
    const { port: lastPort } = await last.listen('127.0.0.1');
    expect(await wire(lastPort).ask({ type: 'who' })).toEqual({ type: 'hdr', count: 0 });
    await last.stop();
  });
});

describe('UP', () => {
  it('allots the smallest free port, and makes a user of the client', async () => {
    expect(await up('Mat 0299')).toEqual({ type: 'ack', port: basePort });
    expect(await up('b')).toEqual({ type: 'ack', port: basePort + 1 });
    expect(world.messenger.onlineUsers()).toMatchObject([
      { name: 'b-', door: 'peer', address: '127.0.0.1' },
      { name: 'mat-0299', door: 'peer', address: '127.0.0.1' },
    ]);
  });

  it('takes a name with its newline on, which it trims', async () => {
    const made = wire();
    made.bytes(upBytes('mat\n'));
    expect(await made.next()).toEqual({ type: 'ack', port: basePort });
    expect(await who()).toEqual([['mat', '127.0.0.1', basePort]]);
  });

  it('is refused for a name in use by anyone, or that cannot be one', async () => {
    await world.join('alice');
    const bob = await world.join('bob');
    world.breakConnection(bob);
    await OtherUser.join('lena');
    expect(await up('mat')).toMatchObject({ type: 'ack' });
    for (const name of ['mat', 'Mat', 'alice', 'ALICE', 'bob', 'lena', '-x', 'ü']) expect(await up(name)).toEqual(nack);
    const nameless = wire();
    nameless.bytes(upBytes('\n'));
    expect(await nameless.next()).toEqual(nack);
    expect(await who()).toHaveLength(3);
    expect(await up('mat2')).toMatchObject({ port: basePort + 1 });
  });

  it('is refused when the directory is full', async () => {
    for (const name of ['aa', 'bb', 'cc']) await up(name);
    expect(await up('dd')).toEqual(nack);
    expect(world.messenger.isOnline('dd')).toBe(false);
  });

  it('gives a name and a port to one of many who come at once', async () => {
    const answers = await Promise.all(['x1', 'x1', 'x2', 'x3', 'x4', 'x5'].map((name) => up(name)));
    const ports = answers.flatMap((answer) => (answer !== 'closed' && 'port' in answer ? [answer.port] : []));
    expect(ports.sort()).toEqual([basePort, basePort + 1, basePort + 2]);
    const names = (await who()).map(([name]) => name);
    expect(new Set(names).size).toBe(3);
  });
});

describe('WHO', () => {
  it('lists the address that a client has announced, or else where it came from', async () => {
    await up('aa', undefined, '192.0.2.7');
    await up('bb', '127.0.0.2');
    expect(await who()).toEqual([
      ['aa', '192.0.2.7', basePort],
      ['bb', '127.0.0.2', basePort + 1],
    ]);
  });

  it('lists everybody else by a port of their own, as the asker sees us; nobody by a name cut short', async () => {
    await world.join('alice');
    await OtherUser.join('lena');
    await world.join('x'.repeat(25));
    await world.join('y'.repeat(24));
    await up('mat');
    const list = await who();
    expect(list.map(([name]) => name)).toEqual(['mat', 'alice', 'lena', 'y'.repeat(24)]);
    const ports = list.map(([, , each]) => each);
    expect(new Set(ports).size).toBe(4);
    for (const each of ports.slice(1)) expect(each).toBeGreaterThanOrEqual(basePort + maxUsers);
    expect(list.slice(1).every(([, address]) => address === '127.0.0.1')).toBe(true);
  });

  it('lists those who were there before the gateway', async () => {
    await gateway.stop();
    await world.join('alice');
    await start();
    expect((await who()).map(([name]) => name)).toEqual(['alice']);
  });

  it('forgets who is gone, and nobody answers at that port', async () => {
    const alice = await world.join('alice');
    const [[, , alicePort] = ['', '', 0]] = await who();
    world.breakConnection(alice);
    expect(await who()).toEqual([]);
    expect(await wire(alicePort).next()).toBe('closed');
  });

  it('passes over ports that others have', async () => {
    const squatter: Server = createServer().listen({ host: '127.0.0.1', port: basePort + maxUsers });
    await once(squatter, 'listening');
    await world.join('alice');
    expect(await who()).toEqual([['alice', '127.0.0.1', basePort + maxUsers + 1]]);
    squatter.close();
  });

  it('lists at most 100 others, the first to come, and the next when one goes', async () => {
    const first = await OtherUser.join('other-first');
    for (let count = 1; count < 100; count += 1) await OtherUser.join(`other-${String(count)}`);
    await OtherUser.join('other-last');
    const before = (await who()).map(([name]) => name);
    expect(before).toHaveLength(100);
    expect(before).toContain('other-first');
    expect(before).not.toContain('other-last');
    first.bridged.leave('ended');
    const after = (await who()).map(([name]) => name);
    expect(after).toHaveLength(100);
    expect(after).toContain('other-last');
  });
});

describe('the place of a client', () => {
  it('is held by ALIVE, from where it came up', async () => {
    await up('mat');
    const alive = { type: 'alive', address: '0.0.0.0', port: basePort } as const;
    expect(await exchange(alive)).toEqual({ type: 'ack', port: basePort });
    expect(await exchange(alive, '127.0.0.2')).toEqual(nack);
    expect(await exchange({ ...alive, port: basePort + 1 })).toEqual(nack);
  });

  it('is given up by DOWN, from where it came up, and then anybody may have it', async () => {
    await up('mat');
    const down = { type: 'down', address: '0.0.0.0', port: basePort } as const;
    const other = wire(port, '127.0.0.2');
    other.say(down);
    expect(await other.ask({ type: 'who' })).toEqual({ type: 'hdr', count: 1 });
    const own = wire();
    own.say(down, { type: 'who' });
    expect(await own.next()).toEqual({ type: 'hdr', count: 0 });
    expect(world.messenger.isOnline('mat')).toBe(false);
    expect(await up('mat', '127.0.0.2')).toEqual({ type: 'ack', port: basePort });
  });

  it('is lost after two periods without ALIVE', async () => {
    await up('aa');
    await up('bb');
    world.clock.advance(20_000);
    await exchange({ type: 'alive', address: '0.0.0.0', port: basePort });
    world.clock.advance(19_999);
    expect(await who()).toHaveLength(2);
    world.clock.advance(1);
    expect((await who()).map(([name]) => name)).toEqual(['aa']);
    expect(world.messenger.isOnline('bb')).toBe(false);
    world.clock.advance(20_000);
    expect(await who()).toEqual([]);
    expect(await exchange({ type: 'alive', address: '0.0.0.0', port: basePort })).toEqual(nack);
  });

  it('is kept for good where the period is 0', async () => {
    await gateway.stop();
    await start({ aliveMs: 0 });
    await up('mat');
    world.clock.advance(1_000_000_000);
    expect(await who()).toHaveLength(1);
  });
});

describe('one connection', () => {
  it('may be kept open for many exchanges, cut at any byte', async () => {
    const made = wire();
    made.socket.setNoDelay(true);
    for (const byte of upBytes('mat')) {
      made.bytes(Uint8Array.of(byte));
      await new Promise(setImmediate);
    }
    expect(await made.next()).toEqual({ type: 'ack', port: basePort });
    made.say({ type: 'who' }, { type: 'alive', address: '0.0.0.0', port: basePort });
    expect(await made.next()).toEqual({ type: 'hdr', count: 1 });
    expect(await made.next()).toMatchObject({ type: 'peer', name: 'mat' });
    expect(await made.next()).toEqual({ type: 'ack', port: basePort });
    world.clock.advance(30_000);
    expect(await made.ask({ type: 'who' })).toEqual({ type: 'hdr', count: 1 });
  });

  it('may end its own side at once: it is answered', async () => {
    const made = wire();
    made.say({ type: 'up', address: '0.0.0.0', name: 'mat' });
    made.socket.end();
    expect(await made.next()).toEqual({ type: 'ack', port: basePort });
    expect(await made.next()).toBe('closed');
    expect(await who()).toHaveLength(1);
  });
});

describe('DUMP and SHUTDOWN', () => {
  it('print the state, not more than once a second', async () => {
    await up('mat');
    await world.join('alice');
    const made = wire();
    for (let count = 0; count < 5; count += 1) made.say({ type: 'dump' });
    expect(await made.ask({ type: 'who' })).toEqual({ type: 'hdr', count: 2 });
    for (let count = 0; count < 2; count += 1) await made.next();
    const dumps = () => logged.filter(({ clients }) => clients !== undefined);
    expect(dumps()).toMatchObject([{ clients: [{ name: 'mat', port: basePort }], others: [{ name: 'alice' }] }]);
    world.clock.advance(1_000);
    await made.ask({ type: 'dump' }, { type: 'who' });
    expect(dumps()).toHaveLength(2);
  });

  it('end the server only where the operator has allowed it', async () => {
    expect(await exchange({ type: 'shutdown' })).toEqual(nack);
    const insisting = wire();
    for (let count = 0; count < 3; count += 1) expect(await insisting.ask({ type: 'shutdown' })).toEqual(nack);
    expect(stopped).toBe(0);
    expect(logged.filter(({ msg }) => String(msg).includes('was refused'))).toHaveLength(1);
    await gateway.stop();
    await start({ allowShutdown: true });
    wire().say({ type: 'shutdown' });
    await until('the server is stopped', () => stopped === 1);
  });
});

describe('hostile bytes', () => {
  const int = (value: number): Uint8Array => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setInt32(0, value, true);
    return bytes;
  };

  it.each([
    ['an unknown type', [int(77)]],
    ['ERR', [int(0)]],
    ['a name without NUL', [int(1), new Uint8Array(32).fill(0x61)]],
    ['a name with an escape sequence', [upBytes('a\u001b[2J')]],
    ['a text of a negative size', [int(33), int(-1)]],
    ['a huge text', [int(33), int(0x7fffffff), new Uint8Array(2000)]],
    ['what only a server says', [int(13)]],
    ['what clients say to each other', [int(34)]],
  ])('%s ends the connection, and nothing else', async (_name, pieces) => {
    const made = wire();
    made.bytes(...pieces, int(21));
    expect(await made.next()).toBe('closed');
    expect(await who()).toEqual([]);
  });

  it('that never make a message end the connection in time, however they trickle', async () => {
    const silent = wire();
    const trickling = wire();
    const kept = wire();
    await kept.ask({ type: 'up', address: '0.0.0.0', name: 'mat' });
    for (const made of [trickling, kept]) made.bytes(upBytes('x').subarray(0, 1));
    await who();
    for (let second = 1; second < 10; second += 1) {
      world.clock.advance(1_000);
      for (const made of [trickling, kept]) made.bytes(Uint8Array.of(0));
      expect((await who()).length).toBe(1);
    }
    world.clock.advance(1_000);
    expect(await silent.next()).toBe('closed');
    expect(await trickling.next()).toBe('closed');
    expect(await kept.next()).toBe('closed');
  });

  it('of one who never reads end that connection', async () => {
    for (let count = 0; count < 60; count += 1) await OtherUser.join(`other-${String(count)}`);
    await who();
    const made = wire();
    made.socket.pause();
    const asks = Buffer.concat(Array.from({ length: 1_000 }, () => int(21)));
    while (!made.socket.destroyed) {
      made.socket.write(asks);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(await who()).toHaveLength(60);
  });
});
