import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { PeerMessage } from '@parley/gateways';
import { NetworkRates } from '../dispatch/network-rates.js';
import { FakeWorld } from '../domain/fake-world.fixture.js';
import { DeviceEnd, OldUser, partsOf } from './bridged-people.fixture.js';
import { freePorts, PeerWire } from './peer-client.fixture.js';
import { PeerGateway } from './peer-gateway.js';
import { until } from './until.fixture.js';

const maxUsers = 3;
/** Connections with the directory. */
const places = maxUsers + 256;
const periodMs = 20_000;
/** One that is nobody's may be silent so long. */
const strangerMs = 10_000;

let world: FakeWorld;
let gateway: PeerGateway;
let port: number;
let basePort: number;
let wires: PeerWire[];
let introductions: NetworkRates;

beforeEach(async () => {
  world = new FakeWorld();
  wires = [];
  basePort = await freePorts(maxUsers + 4);
  introductions = new NetworkRates({ burst: 2, perSecond: 1 }, () => world.clock.now());
  const settings = { port: 0, maxUsers, basePort, aliveMs: periodMs, allowShutdown: false };
  gateway = new PeerGateway({ ...partsOf(world), introductions }, settings);
  ({ port } = await gateway.listen('127.0.0.1'));
});

afterEach(async () => {
  for (const { socket } of wires) socket.destroy();
  await gateway.stop();
});

function wire(to = port, from?: string): PeerWire {
  const made = PeerWire.to(to, from);
  wires.push(made);
  return made;
}

/** A client that keeps its connection open. */
async function up(name: string): Promise<PeerWire> {
  const made = wire();
  expect(await made.ask({ type: 'up', address: '0.0.0.0', name })).toMatchObject({ type: 'ack' });
  return made;
}

/** At the port where the server stands for another user. */
async function call(user: string, name: string): Promise<PeerWire> {
  const asking = wire();
  const head = await asking.ask({ type: 'who' });
  for (let left = head !== 'closed' && head.type === 'hdr' ? head.count : 0; left > 0; left -= 1) {
    const peer = await asking.next();
    if (peer === 'closed' || peer.type !== 'peer' || peer.name !== user) continue;
    const made = wire(peer.port);
    made.say({ type: 'conn', address: '0.0.0.0', port: 1, name });
    return made;
  }
  throw new Error(`${user} is not listed`);
}

/** Of mat to lena; not their turn yet. */
async function waitingCall(): Promise<PeerWire> {
  let asked = 0;
  const take = introductions.take.bind(introductions);
  introductions.take = (address) => {
    asked += 1;
    return take(address);
  };
  const made = await call('lena', 'mat');
  await until('it is told to wait', () => asked > 0);
  introductions.take = take;
  return made;
}

const text = (content: string): PeerMessage => ({ type: 'text', text: new TextEncoder().encode(content) });
const agreed = { type: 'resp', agree: true } as const;
const declined = { type: 'resp', agree: false } as const;

describe('the connections of a client', () => {
  it('make room for newcomers, but for the one that it keeps open', async () => {
    const kept = await up('mat');
    const alive = { type: 'alive', address: '0.0.0.0', port: basePort } as const;
    const others: PeerWire[] = [];
    while (others.length < places - 1) {
      const other = wire();
      others.push(other);
      expect(await other.ask(alive)).toEqual({ type: 'ack', port: basePort });
    }
    expect(await wire(port, '127.0.0.2').ask({ type: 'who' })).toEqual({ type: 'hdr', count: 1 });
    expect(await others[0]?.next()).toBe('closed');
    // The one it came up on is the one that is kept, whatever was said on others.
    for (let n = 0; n < 2; n += 1) expect(await kept.ask(alive)).toEqual({ type: 'ack', port: basePort });
  });

  it('are kept by ALIVE where UP was said on one that is gone', async () => {
    const first = await up('mat');
    first.socket.end();
    expect(await first.next()).toBe('closed');
    const alive = { type: 'alive', address: '0.0.0.0', port: basePort } as const;
    const [kept, other] = [wire(), wire()];
    for (const made of [kept, other]) expect(await made.ask(alive)).toEqual({ type: 'ack', port: basePort });
    world.clock.advance(strangerMs);
    expect(await other.next()).toBe('closed');
    expect(await kept.ask(alive)).toEqual({ type: 'ack', port: basePort });
  });

  it.each(['DOWN', 'the end of its time'])('are those of a stranger again after %s', async (how) => {
    const kept = await up('mat');
    if (how === 'DOWN') kept.say({ type: 'down', address: '0.0.0.0', port: basePort });
    else world.clock.advance(2 * periodMs);
    expect(await kept.ask({ type: 'who' })).toEqual({ type: 'hdr', count: 0 });
    world.clock.advance(strangerMs);
    expect(await kept.next()).toBe('closed');
  });
});

describe('a client calls', () => {
  it('no faster than others may, and is told no beyond', async () => {
    const lena = await OldUser.join(world, 'lena');
    await up('mat');
    for (let calls = 0; calls < 2; calls += 1) {
      const made = await call('lena', 'mat');
      expect(await made.next()).toEqual(agreed);
      lena.bridged.close('mat');
      expect(await made.next()).toEqual({ type: 'end' });
    }
    lena.take();
    const waiting = await waitingCall();
    world.clock.advance(1_000);
    expect(await waiting.next()).toEqual(agreed);
    lena.bridged.close('mat');
    expect(await waiting.next()).toEqual({ type: 'end' });
    lena.take();
    // Others of its network are always faster.
    const unlucky = await waitingCall();
    for (let seconds = 0; seconds < 6; seconds += 1) {
      world.clock.advance(1_000);
      introductions.take('127.0.0.1');
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await unlucky.next()).toEqual(declined);
    expect(await unlucky.next()).toBe('closed');
    expect(lena.take()).toEqual([]);
  });

  it('and gets a text of several lines as several texts', async () => {
    const lena = await OldUser.join(world, 'lena');
    await up('mat');
    const made = await call('lena', 'mat');
    expect(await made.next()).toEqual(agreed);
    await lena.bridged.say('mat', 'one\ntwo\nthree');
    await lena.bridged.say('mat', 'four');
    for (const line of ['one', 'two', 'three', 'four']) expect(await made.next()).toEqual(text(line));
  });

  it('and goes on when a device opens the session anew, and learns what was not confirmed', async () => {
    const anna = await world.join('anna');
    await up('mat');
    const made = await call('anna', 'mat');
    await until('she is called', () => anna.connection.take().some(([event]) => event === 'session.incoming'));
    const id = world.messenger.answerCall(anna.user, 'mat', 'accept')?.id ?? '';
    expect(await made.next()).toEqual(agreed);
    const before = new DeviceEnd(world, anna, 'mat', id);
    before.flush(true);
    made.say(text('one'), text('two'));
    await until('she has both texts', () => {
      before.read(false);
      return before.texts.length === 2;
    });
    const again = await world.messenger.openSession(anna.user, 'mat');
    expect(await made.next()).toEqual(text('(not confirmed: your last 2 texts)'));
    const end = new DeviceEnd(world, anna, 'mat', again.id);
    end.flush(true);
    end.say('hello');
    expect(await made.next()).toEqual(text('hello'));
  });
});
