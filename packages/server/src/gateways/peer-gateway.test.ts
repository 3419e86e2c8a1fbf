import { rates } from '@parley/protocol';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { PeerMessage } from '@parley/gateways';
import { NetworkRates } from '../dispatch/network-rates.js';
import { FakeWorld } from '../domain/fake-world.fixture.js';
import { createLog } from '../log.js';
import { BridgedUser, type BridgeEvents } from './bridged-user.js';
import type { GatewayParts, PeerSettings } from './gateway-parts.js';
import { freePorts, PeerPhone, PeerWire } from './peer-client.fixture.js';
import { PeerGateway } from './peer-gateway.js';
import { until } from './until.fixture.js';

const encoder = new TextEncoder();
const maxUsers = 3;

let world: FakeWorld;
let parts: GatewayParts;
let gateway: PeerGateway;
/** Of the directory. */
let port: number;
let basePort: number;
let logged: Record<string, unknown>[];
let stopped: number;
let wires: PeerWire[];
let phones: PeerPhone[];

async function start(settings: Partial<PeerSettings> = {}): Promise<void> {
  gateway = new PeerGateway(parts, { port: 0, maxUsers, basePort, aliveMs: 20_000, allowShutdown: false, ...settings });
  ({ port } = await gateway.listen('127.0.0.1'));
}

beforeEach(async () => {
  world = new FakeWorld();
  logged = [];
  stopped = 0;
  wires = [];
  phones = [];
  basePort = await freePorts(maxUsers + 4);
  const { messenger, clock } = world;
  const write = (line: string): void => {
    logged.push(JSON.parse(line) as Record<string, unknown>);
  };
  const stopServer = (): void => {
    stopped += 1;
  };
  parts = {
    messenger,
    clock,
    monotonicMs: () => clock.now(),
    introductions: new NetworkRates(rates.introduce, () => clock.now()),
    log: createLog('info', { write }),
    stopServer,
  };
  await start();
});

afterEach(async () => {
  for (const { socket } of wires) socket.destroy();
  for (const phone of phones) phone.close();
  await gateway.stop();
});

function wire(to = port, from?: string): PeerWire {
  const made = PeerWire.to(to, from);
  wires.push(made);
  return made;
}

/** One exchange on a connection of its own. */
async function exchange(message: PeerMessage, from?: string): Promise<PeerMessage | 'closed'> {
  const made = wire(port, from);
  const answer = await made.ask(message);
  made.socket.end();
  return answer;
}

const nack = { type: 'nack' } as const;

function up(name: string, from?: string, address = '0.0.0.0'): Promise<PeerMessage | 'closed'> {
  return exchange({ type: 'up', address, name }, from);
}

/** UP with any bytes for the name. */
function upBytes(name: string): Uint8Array {
  const bytes = new Uint8Array(36);
  bytes[0] = 1;
  bytes.set(encoder.encode(name), 8);
  return bytes;
}

async function who(): Promise<[string, string, number][]> {
  const asking = wire();
  const head = await asking.ask({ type: 'who' });
  if (head === 'closed' || head.type !== 'hdr') throw new Error(JSON.stringify(head));
  const peers: [string, string, number][] = [];
  for (let left = head.count; left > 0; left -= 1) {
    const peer = await asking.next();
    if (peer === 'closed' || peer.type !== 'peer') throw new Error(JSON.stringify(peer));
    peers.push([peer.name, peer.address, peer.port]);
  }
  asking.socket.end();
  expect(await asking.next()).toBe('closed');
  return peers;
}

/** A user of another gateway. */
class OtherUser {
  readonly told: unknown[] = [];
  answer: 'accept' | 'refuse' | 'wait' = 'accept';
  confirms = true;
  bridged!: BridgedUser;

  static async join(name: string): Promise<OtherUser> {
    const user = new OtherUser();
    const events: BridgeEvents = {
      called: (peer) => {
        user.told.push(['called', peer]);
        if (user.answer === 'accept') user.bridged.accept(peer);
        if (user.answer === 'refuse') user.bridged.refuse(peer, 'DECLINED');
      },
      callEnded: (peer) => user.told.push(['callEnded', peer]),
      opened: (peer) => user.told.push(['opened', peer]),
      closed: (peer, reason, lost) => user.told.push(['closed', peer, reason, lost]),
      refused: (peer, code) => user.told.push(['refused', peer, code]),
      text: (from, _room, text, delivered) => {
        user.told.push(['text', from, text]);
        if (user.confirms) delivered();
      },
      stalled: () => 0,
      roomChanged: () => undefined,
      shutdown: () => undefined,
    };
    user.bridged = await BridgedUser.join(parts, { name, door: 'line', address: '127.0.0.1', port: 5 }, events);
    return user;
  }

  /** Waits until it has been told exactly this next. */
  async hears(...what: unknown[]): Promise<void> {
    await until(`${this.bridged.name} is told: ${what.join(' ')}`, () => this.told.length > 0);
    expect(this.told.shift()).toEqual(what);
  }
}

function text(content: string): PeerMessage {
  return { type: 'text', text: encoder.encode(content) };
}

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

describe('a client calls somebody', () => {
  let lena: OtherUser;
  let lenaPort: number;

  beforeEach(async () => {
    lena = await OtherUser.join('lena');
    await up('Mat');
    lenaPort = (await who()).find(([name]) => name === 'lena')?.[2] ?? 0;
  });

  function call(name = 'Mat', from?: string): PeerWire {
    const made = wire(lenaPort, from);
    made.say({ type: 'conn', address: '0.0.0.0', port: 1, name });
    return made;
  }

  it('and they talk, until the client ends it', async () => {
    const made = call();
    expect(await made.next()).toEqual({ type: 'resp', agree: true });
    await lena.hears('called', 'mat');
    await lena.hears('opened', 'mat');
    made.say(text('hello\n\0'), text('\n'), text('how are\u001b you?'));
    await lena.hears('text', 'mat', 'hello');
    await lena.hears('text', 'mat', 'how are? you?');
    await lena.bridged.say('mat', 'fine');
    await lena.bridged.say('mat', 'ü'.repeat(600));
    expect(await made.next()).toEqual(text('fine'));
    expect(await made.next()).toEqual(text('ü'.repeat(511)));
    expect(await made.next()).toEqual(text('ü'.repeat(89)));
    made.say(text('bye'), { type: 'end' });
    await lena.hears('text', 'mat', 'bye');
    await lena.hears('closed', 'mat', 'ended', 0);
    expect(await made.next()).toBe('closed');
    expect(world.messenger.sessions()).toEqual([]);
  });

  it('and the other ends it', async () => {
    const made = call();
    await made.next();
    lena.bridged.close('mat');
    expect(await made.next()).toEqual({ type: 'end' });
    expect(await made.next()).toBe('closed');
    // Again, over the same port.
    expect(await call().next()).toEqual({ type: 'resp', agree: true });
  });

  it('and the connection breaks: what was said before is not lost', async () => {
    const made = call();
    await made.next();
    made.say(text('wait'));
    made.socket.end();
    await lena.hears('called', 'mat');
    await lena.hears('opened', 'mat');
    await lena.hears('text', 'mat', 'wait');
    await lena.hears('closed', 'mat', 'PEER_LOST', 0);
  });

  it('and learns what the other did not confirm', async () => {
    lena.confirms = false;
    const made = call();
    await made.next();
    made.say(text('one'), text('two'));
    await until('both texts have come', () => lena.told.length === 4);
    lena.bridged.close('mat');
    expect(await made.next()).toEqual(text('(not confirmed: your last 2 texts)'));
    expect(await made.next()).toEqual({ type: 'end' });
  });

  it('and is declined', async () => {
    lena.answer = 'refuse';
    const made = call();
    expect(await made.next()).toEqual({ type: 'resp', agree: false });
    expect(await made.next()).toBe('closed');
  });

  it('and gives up while it rings, which may take a while', async () => {
    lena.answer = 'wait';
    const made = call();
    await lena.hears('called', 'mat');
    world.clock.advance(20_000);
    made.say({ type: 'end' });
    await lena.hears('callEnded', 'mat');
    const again = call();
    await lena.hears('called', 'mat');
    again.socket.destroy();
    await lena.hears('callEnded', 'mat');
  });

  it('and is heard of only once', async () => {
    const made = call();
    await made.next();
    expect(await call().next()).toEqual({ type: 'resp', agree: false });
    made.say(text('still here'));
    await lena.hears('called', 'mat');
    await lena.hears('opened', 'mat');
    await lena.hears('text', 'mat', 'still here');
  });

  it('but nobody calls in the name of another', async () => {
    for (const made of [call('nobody'), call('mat'), call('lena'), call('Mat', '127.0.0.2')]) {
      expect(await made.next()).toEqual({ type: 'resp', agree: false });
      expect(await made.next()).toBe('closed');
    }
    expect(lena.told).toEqual([]);
  });

  it('but must say so in time, and nothing else first', async () => {
    const silent = wire(lenaPort);
    const wrong = wire(lenaPort);
    wrong.say(text('hi'));
    expect(await wrong.next()).toBe('closed');
    world.clock.advance(10_000);
    expect(await silent.next()).toBe('closed');
    expect(lena.told).toEqual([]);
  });

  it('and breaks the protocol', async () => {
    const made = call();
    await made.next();
    made.bytes(Uint8Array.of(33, 0, 0, 0, 255, 255, 255, 255, 65, 66));
    expect(await made.next()).toBe('closed');
    await lena.hears('called', 'mat');
    await lena.hears('opened', 'mat');
    await lena.hears('closed', 'mat', 'PEER_LOST', 0);
  });

  it('and does not read: others are held back, and in the end the session is over', async () => {
    const made = call();
    await made.next();
    made.socket.pause();
    await lena.hears('called', 'mat');
    await lena.hears('opened', 'mat');
    let said = 0;
    while (lena.bridged.isInSession('mat')) {
      const saying = lena.bridged.say('mat', 'x'.repeat(16_000)).catch(() => undefined);
      const isHeldBack = await Promise.race([saying.then(() => false), sleep(200, true)]);
      if (isHeldBack) world.clock.advance(5_000);
      await saying;
      said += 1;
    }
    // What the system takes on both sides, and a bounded rest.
    expect(said).toBeLessThan(2_000);
    await until('the session is over', () => lena.told.length > 0);
    const [told] = lena.told as [string, string, string, number][];
    expect(told?.slice(0, 3)).toEqual(['closed', 'mat', 'PEER_LOST']);
    expect(told?.[3]).toBeGreaterThan(0);
  });

  it('and goes down: the talk ends', async () => {
    const made = call();
    await made.next();
    wire().say({ type: 'down', address: '0.0.0.0', port: basePort });
    expect(await made.next()).toEqual({ type: 'end' });
    await lena.hears('called', 'mat');
    await lena.hears('opened', 'mat');
    await lena.hears('closed', 'mat', 'ended', 0);
  });

  it('and the server stops', async () => {
    const made = call();
    await made.next();
    await gateway.stop();
    expect(await made.next()).toEqual({ type: 'end' });
    expect(await made.next()).toBe('closed');
    expect(world.messenger.isOnline('mat')).toBe(false);
  });
});

describe('somebody calls a client', () => {
  let lena: OtherUser;
  let phone: PeerPhone;

  beforeEach(async () => {
    lena = await OtherUser.join('lena');
    // What it announces is for the other clients: the server goes where it came from.
    await up('Mat', undefined, '192.0.2.1');
    phone = await PeerPhone.at(basePort);
    phones.push(phone);
  });

  async function callMat(): Promise<string> {
    return lena.bridged.open('mat').then(
      () => 'opened',
      (error: unknown) => (error as { code: string }).code,
    );
  }

  it('and they talk, until the client ends it', async () => {
    const outcome = callMat();
    const call = await phone.call();
    const lenaPort = (await who()).find(([name]) => name === 'lena')?.[2];
    expect(await call.next()).toEqual({ type: 'conn', address: '127.0.0.1', port: lenaPort, name: 'lena' });
    call.say({ type: 'resp', agree: true }, text('hello'));
    expect(await outcome).toBe('opened');
    await lena.hears('opened', 'mat');
    await lena.hears('text', 'mat', 'hello');
    await lena.bridged.say('mat', 'hi');
    expect(await call.next()).toEqual(text('hi'));
    call.say({ type: 'end' });
    await lena.hears('closed', 'mat', 'ended', 0);
    expect(await call.next()).toBe('closed');
  });

  it('and is declined', async () => {
    const outcome = callMat();
    (await phone.call()).say({ type: 'resp', agree: false });
    expect(await outcome).toBe('DECLINED');
  });

  it('and nobody is there, or the line breaks', async () => {
    const outcome = callMat();
    (await phone.call()).socket.destroy();
    expect(await outcome).toBe('NO_PATH');
    phone.close();
    expect(await callMat()).toBe('NO_PATH');
  });

  it('and gives up', async () => {
    const outcome = callMat();
    const call = await phone.call();
    await call.next();
    lena.bridged.close('mat');
    expect(await call.next()).toEqual({ type: 'end' });
    expect(await call.next()).toBe('closed');
    expect(await outcome).toBe('DECLINED');
  });

  it('by a name that has no room in the struct: not at all', async () => {
    const long = await OtherUser.join('x'.repeat(25));
    await expect(long.bridged.open('mat')).rejects.toMatchObject({ code: 'NO_PATH' });
  });

  it('who calls back in the same moment: one talk', async () => {
    const lenaPort = (await who()).find(([name]) => name === 'lena')?.[2] ?? 0;
    const outcome = callMat();
    const call = await phone.call();
    await call.next();
    const made = wire(lenaPort);
    made.say({ type: 'conn', address: '0.0.0.0', port: basePort, name: 'Mat' });
    expect(await made.next()).toEqual({ type: 'resp', agree: true });
    expect(await outcome).toBe('opened');
    expect(await call.next()).toEqual({ type: 'end' });
    await lena.hears('opened', 'mat');
    made.say(text('hello'));
    await lena.hears('text', 'mat', 'hello');
    expect(world.messenger.sessions()).toHaveLength(1);
  });
});
