/** Conversations that are not, or not yet, direct: the server passes on what it cannot read. */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ClientOptions } from '@parley/client';
import { killAll, mains, Program } from './programs.js';
import { TcpTap } from './tcp-tap.js';
import { UdpTap } from './udp-tap.js';
import { password, until, withCode, World, type Person } from './world.js';

/** A direct path would be found by then, or is forbidden. */
const settings = { settleMs: 150 };

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(async () => {
  await killAll();
  await world.close();
});

async function tapped(name: string, options: Partial<ClientOptions> = {}, more = {}): Promise<[Person, UdpTap]> {
  return UdpTap.around(() => world.member(name, options, { ...settings, ...more }));
}

/** All of them, in their order, once. */
async function hears(person: Person, from: string, texts: readonly string[]): Promise<void> {
  for (const [index, text] of texts.entries())
    expect(await person.next('message', { from })).toMatchObject({ text, seq: index + 1 });
}

const numbered = (what: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${what} ${String(n + 1)}`);

describe('where one side is relay-only', () => {
  beforeEach(() => world.startServer());

  it('a session is relayed, says so, and carries messages and receipts both ways', async () => {
    const [alice, udp] = await tapped('alice', { path: 'relay-only' });
    const bob = await world.member('bob', {}, settings);
    expect(await alice.client.open('bob')).toEqual({ peer: 'bob', path: 'relayed' });
    await bob.next('session', { peer: 'alice', state: 'opened', path: 'relayed' });
    const [ours, theirs] = [numbered('from alice', 100), numbered('from bob', 100)];
    for (const text of ours) await alice.client.send(text);
    for (const text of theirs) await bob.client.send(text);
    await Promise.all([hears(bob, 'alice', ours), hears(alice, 'bob', theirs)]);
    for (const [person, to] of [
      [alice, 'bob'],
      [bob, 'alice'],
    ] as const)
      for (let n = 0; n < 100; n += 1) await person.next('receipt', { to, state: 'delivered' });

    for (const { client } of [alice, bob])
      expect(client.status().conversation).toMatchObject({
        path: 'relayed',
        keys: { postQuantum: { here: true, there: true } },
      });
    expect(alice.client.status().conversation?.rttMs).toBeGreaterThan(0);
    expect(alice.client.pathTo().report?.verdict).toEqual({ state: 'relayed', reason: { kind: 'own-policy' } });
    // By UDP as soon as the relay is bound to it.
    await until(() => udp.relayed.length > 0, 'the relay by UDP');
    const before = udp.relayed.length;
    await alice.say('one more', 'bob');
    expect(udp.relayed.length).toBeGreaterThan(before);
  });

  it('a text of the greatest length is relayed like any other', async () => {
    const alice = await world.member('alice', { path: 'relay-only' }, settings);
    const bob = await world.member('bob', {}, settings);
    await alice.client.open('bob');
    const texts = numbered('x'.repeat(16_000), 20);
    for (const text of texts) await alice.client.send(text);
    await hears(bob, 'alice', texts);
  });

  it('a session that is left loses none of its last words, and ends for both', async () => {
    const alice = await world.member('alice', { path: 'relay-only' }, settings);
    const bob = await world.member('bob', {}, settings);
    await alice.client.open('bob');
    const texts = numbered('and another thing', 50);
    for (const text of texts) await alice.client.send(text);
    await alice.client.leave();
    for (let n = 0; n < 50; n += 1) await alice.next('receipt', { to: 'bob', state: 'delivered' });
    await hears(bob, 'alice', texts);
    await bob.next('session', { peer: 'alice', state: 'closed', reason: 'ended' });
    await world.noSessions();
    // Both are free for the next one.
    expect(await bob.client.open('alice')).toEqual({ peer: 'alice', path: 'relayed' });
  });

  it('a room has each pair by its own way, and is as good as the least good', async () => {
    const alice = await world.member('alice', { path: 'relay-only' }, settings);
    const [bob, carol] = [await world.member('bob', {}, settings), await world.member('carol', {}, settings)];
    for (const { client } of [alice, bob, carol]) await client.enter('lab');
    await alice.next('room', { state: 'joined', user: 'carol' });
    await bob.next('room', { state: 'joined', user: 'carol' });
    await alice.say('to both', 'bob', 'carol');
    await bob.say('from bob', 'alice', 'carol');
    await carol.say('from carol', 'alice', 'bob');
    for (const person of [bob, carol]) await person.next('message', { room: 'lab', from: 'alice', text: 'to both' });
    await alice.next('message', { room: 'lab', from: 'carol' });
    for (const { client } of [alice, bob, carol])
      expect(client.status().conversation).toMatchObject({ kind: 'room', path: 'relayed' });
    await until(
      () => carol.client.pathTo('bob').report?.verdict.state === 'direct',
      'the direct path of bob and carol',
    );
    expect(bob.client.pathTo('carol').report?.verdict).toEqual({ state: 'direct', over: 'this-machine' });
    expect(bob.client.pathTo('alice').report?.path).toMatchObject({ kind: 'relay' });
  });
});

describe('where one side is direct-only', () => {
  it('nothing of it is relayed, by UDP or by the control connection', async () => {
    await world.startServer({ tls: false });
    const tap = await TcpTap.before(world.server.control.port);
    const [alice, udp] = await UdpTap.around(() => world.person('alice', { tls: false, path: 'direct-only' }));
    await alice.client.connect(tap.address);
    await alice.client.register('alice', password);
    const bob = await world.member('bob', { tls: false });
    expect(await alice.client.open('bob')).toEqual({ peer: 'bob', path: 'direct' });
    await alice.say('hello', 'bob');
    await bob.say('hello yourself', 'alice');
    await alice.client.leave();
    await bob.client.open('alice');
    await bob.say('called back', 'alice');
    expect(alice.client.status().conversation).toMatchObject({ path: 'direct' });
    expect(tap.bytes.includes('"path.offer"')).toBe(true);
    expect(tap.bytes.includes('"relay.send"')).toBe(false);
    const { udp: server } = world.server;
    expect(udp.sent.length).toBeGreaterThan(10);
    // Questions of STUN (RFC 8489), and no frames of the relay.
    const toServer = udp.sent.filter(({ place }) => place.port === server.port);
    expect(toServer.map(({ bytes }) => bytes.readUInt16BE(0)).filter((type) => type !== 0x0001)).toEqual([]);
    await world.close();
    await tap.close();
  });

  it('there is no path where there is no direct one, though the server relays', async () => {
    await world.startServer();
    const wait = { pathTimeoutMs: 500, ...settings };
    const alice = await world.member('alice', { path: 'direct-only' }, wait);
    await world.member('bob', { bind: '::1' }, wait);
    const opening = alice.client.open('bob');
    await expect(opening).rejects.toMatchObject(withCode('NO_PATH'));
    await expect(opening).rejects.toThrow('this conversation is set to direct-only');
  });
});

describe('where UDP does not reach the server', () => {
  beforeEach(() => world.startServer());

  function block(udp: UdpTap): void {
    const { udp: first, otherUdp: second } = world.server;
    udp.lets = ({ port }) => port !== first.port && port !== second.port;
  }

  it('the relay is the control connection, and the path becomes direct all the same', async () => {
    const [alice, ofAlice] = await UdpTap.around(() => world.person('alice', {}));
    const [bob, ofBob] = await UdpTap.around(() => world.person('bob', {}));
    for (const [person, udp] of [
      [alice, ofAlice],
      [bob, ofBob],
    ] as const) {
      block(udp);
      await person.client.connect(world.address);
      await person.client.register(person.name, password);
    }
    expect(await alice.client.open('bob')).toEqual({ peer: 'bob', path: 'direct' });
    await alice.say('hello', 'bob');
    expect([...ofAlice.relayed, ...ofBob.relayed]).toEqual([]);
  });

  it('nor each other, everything goes by the control connections', async () => {
    const [alice, ofAlice] = await UdpTap.around(() => world.person('alice', {}, settings));
    const [bob, ofBob] = await UdpTap.around(() => world.person('bob', {}, settings));
    for (const [person, udp] of [
      [alice, ofAlice],
      [bob, ofBob],
    ] as const) {
      udp.lets = () => false;
      await person.client.connect(world.address);
      await person.client.register(person.name, password);
    }
    expect(await alice.client.open('bob')).toEqual({ peer: 'bob', path: 'relayed' });
    await bob.next('session', { state: 'opened', path: 'relayed' });
    const [ours, theirs] = [numbered('from alice', 100), numbered('from bob', 100)];
    for (const text of ours) await alice.client.send(text);
    for (const text of theirs) await bob.client.send(text);
    await Promise.all([hears(bob, 'alice', ours), hears(alice, 'bob', theirs)]);
    expect([...ofAlice.sent, ...ofBob.sent]).toEqual([]);
    expect(alice.client.status().conversation).toMatchObject({ path: 'relayed' });
  });
});

describe('when the server is killed', () => {
  let server: Program;
  let port = 0;

  async function start(): Promise<void> {
    const data = join(world.folder, 'server');
    server = new Program(mains.msa, ['--json', '--host', '127.0.0.1', '--port', String(port), '--data', data]);
    const { control } = await server.record({ event: 'ready' });
    ({ port } = control as { port: number });
  }

  beforeEach(async () => {
    port = 0;
    await start();
  });

  async function enrolled(name: string, options: Partial<ClientOptions> = {}, more = {}): Promise<[Person, UdpTap]> {
    return UdpTap.around(async () => {
      const person = await world.person(name, options, { ...settings, ...more });
      await person.client.connect(`127.0.0.1:${String(port)}`);
      await person.client.register(name, password);
      return person;
    });
  }

  it('a relayed session waits for it, and goes on with nothing lost or doubled', async () => {
    const [alice, udp] = await enrolled('alice', { path: 'relay-only' });
    const [bob] = await enrolled('bob');
    await alice.client.open('bob');
    await bob.next('session', { state: 'opened' });
    const [ours, theirs] = [numbered('from alice', 30), numbered('from bob', 30)];
    const say = async (from: number, to: number): Promise<void> => {
      for (const text of ours.slice(from, to)) await alice.client.send(text);
      for (const text of theirs.slice(from, to)) await bob.client.send(text);
    };
    await say(0, 10);
    await until(() => udp.relayed.length > 0, 'the relay by UDP');
    await server.kill('SIGKILL');
    for (const person of [alice, bob]) await person.next('server', { state: 'lost' });
    await say(10, 20);
    await start();
    for (const person of [alice, bob]) await person.next('server', { state: 'back' });
    await say(20, 30);
    await Promise.all([hears(bob, 'alice', ours), hears(alice, 'bob', theirs)]);
    for (const [person, to] of [
      [alice, 'bob'],
      [bob, 'alice'],
    ] as const) {
      for (let n = 0; n < 30; n += 1) await person.next('receipt', { to, state: 'delivered' });
      expect(person.saw('message')).toBe(false);
      expect(person.saw('session', { state: 'closed' })).toBe(false);
    }
    expect(alice.client.status().conversation).toMatchObject({ name: 'bob', path: 'relayed' });
  });

  it('a room goes on with those that are relayed and those that are not', async () => {
    const [alice] = await enrolled('alice', { path: 'relay-only' });
    const [bob] = await enrolled('bob');
    const [carol] = await enrolled('carol');
    const all = [alice, bob, carol];
    for (const { client } of all) await client.enter('lab');
    for (const person of [alice, bob]) await person.next('room', { state: 'joined', user: 'carol' });
    await alice.say('before', 'bob', 'carol');
    await server.kill('SIGKILL');
    for (const person of all) await person.next('server', { state: 'lost' });
    const { id } = await alice.client.send('meanwhile');
    await bob.say('past the server', 'carol');
    await start();
    for (const person of all) await person.next('server', { state: 'back' });
    for (const to of ['bob', 'carol']) await alice.next('receipt', { id, to, state: 'delivered' });
    await alice.say('after', 'bob', 'carol');
    for (const person of [bob, carol]) {
      await hears(person, 'alice', ['before', 'meanwhile', 'after']);
      expect(person.saw('message', { from: 'alice' })).toBe(false);
      expect(person.notices.filter((text) => text.includes('missing'))).toEqual([]);
    }
    await alice.next('message', { from: 'bob', text: 'past the server' });
  });

  it('for good, a relayed session ends with PEER_LOST, and what was not confirmed has failed', async () => {
    const waits = { peerIdleTimeoutMs: 2_000, keepAliveMs: 500 };
    const [alice] = await enrolled('alice', { path: 'relay-only' }, waits);
    const [bob] = await enrolled('bob', {}, waits);
    await alice.client.open('bob');
    await alice.say('hello', 'bob');
    await server.kill('SIGKILL');
    const { id } = await alice.client.send('are you there?');
    await alice.next('receipt', { id, to: 'bob', state: 'failed' });
    for (const person of [alice, bob]) await person.next('session', { state: 'closed', reason: 'PEER_LOST' });
    expect(bob.saw('message', { text: 'are you there?' })).toBe(false);
  });

  it('a direct session does not notice', async () => {
    const [alice, udp] = await enrolled('alice', {}, { settleMs: 10_000 });
    const [bob] = await enrolled('bob', {}, { settleMs: 10_000 });
    expect(await alice.client.open('bob')).toMatchObject({ path: 'direct' });
    await server.kill('SIGKILL');
    for (const person of [alice, bob]) await person.next('server', { state: 'lost' });
    const before = udp.relayed.length;
    await alice.say('nobody between us', 'bob');
    await bob.say('just as well', 'alice');
    expect(udp.relayed.length).toBe(before);
    expect(alice.client.status().conversation).toMatchObject({ path: 'direct' });
  });
});
