/** Native users and users of the line service, by way of a real server. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientOptions } from '@parley/client';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LineUser } from './line-user.js';
import { killAll, mains, Program } from './programs.js';
import { Wire } from './wire.js';
import { password, withCode, World, type Person } from './world.js';

const line = { port: 0, maxUsers: 10, broadcastAll: false };

let world: World;
let people: LineUser[];
beforeEach(async () => {
  world = new World();
  people = [];
  await world.startServer({ line });
});
afterEach(async () => {
  for (const user of people) user.drop();
  await killAll();
  await world.close();
});

async function lineUser(name: string): Promise<LineUser> {
  const user = await LineUser.join(world.server.line?.port ?? 0, name);
  people.push(user);
  return user;
}

async function memberOver(wire: Wire, name: string, options: Partial<ClientOptions> = {}): Promise<Person> {
  const person = await world.person(name, options);
  await person.client.connect(wire.address);
  await person.client.register(name, password);
  return person;
}

describe('a session with a line user', () => {
  it('is opened by the native user, who sees by which way it goes', async () => {
    const alice = await world.member('alice');
    const zed = await lineUser('zed');
    expect(await alice.client.connectedUsers()).toEqual([
      { name: 'alice', door: 'native' },
      { name: 'zed', door: 'line' },
    ]);
    expect(await alice.client.open('zed')).toEqual({ peer: 'zed', path: 'gateway' });
    await alice.next('session', { peer: 'zed', state: 'opened', path: 'gateway' });
    await alice.say('good morning', 'zed');
    await zed.next('FROM alice: good morning');
    zed.say('MESG alice and to you');
    expect(await alice.next('message')).toMatchObject({ from: 'zed', room: null, text: 'and to you', seq: 1 });
    expect(alice.client.status().conversation).toMatchObject({ kind: 'user', name: 'zed', path: 'gateway' });
    expect(alice.client.status().conversation?.rttMs).toBeGreaterThan(0);
    expect(alice.client.keyOf('zed')).toBeNull();
    await alice.client.leave();
    await world.noSessions();
  });

  it('begins with what the line user says', async () => {
    const alice = await world.member('alice');
    const zed = await lineUser('zed');
    zed.say('MESG alice are you there?');
    await alice.next('session', { peer: 'zed', state: 'incoming', path: 'gateway' });
    await alice.next('session', { peer: 'zed', state: 'opened', path: 'gateway' });
    expect(await alice.next('message')).toMatchObject({ from: 'zed', text: 'are you there?' });
    await alice.say('yes', 'zed');
    await zed.next('FROM alice: yes');
  });

  it('carries all in order, however much it is, in both directions at once', async () => {
    const alice = await world.member('alice');
    const zed = await lineUser('zed');
    await alice.client.open('zed');
    const count = 1_000;
    for (let n = 1; n <= count; n += 1) {
      await alice.client.send(`ours ${String(n)}`);
      zed.say(`MESG alice theirs ${String(n)}`);
    }
    for (let n = 1; n <= count; n += 1)
      expect(await alice.next('message')).toMatchObject({ text: `theirs ${String(n)}`, seq: n });
    for (let n = 1; n <= count; n += 1) await alice.next('receipt', { state: 'delivered' });
    await zed.next(`FROM alice: ours ${String(count)}`);
    expect(zed.unseen.filter((seen) => seen.startsWith('FROM'))).toEqual(
      Array.from({ length: count - 1 }, (_, n) => `FROM alice: ours ${String(n + 1)}`),
    );
    // The user's own commands are not held up by it.
    expect(await alice.client.connectedUsers()).toHaveLength(2);
  });

  it('calls nothing delivered that the line user’s system has not taken', async () => {
    const alice = await world.member('alice', {}, { lingerMs: 100 });
    const zed = await lineUser('zed');
    await alice.client.open('zed');
    zed.pause();
    const text = 'x'.repeat(16_000);
    // Far more than the buffers of both systems hold.
    const sent: string[] = [];
    for (let n = 0; n < 3_000 && alice.client.status().conversation; n += 1) {
      const message = await alice.client.send(text).catch(() => undefined);
      if (message) sent.push(message.id);
    }
    await alice.next('session', { peer: 'zed', state: 'closed', reason: 'PEER_LOST' });
    const states = [];
    for (const id of sent) states.push((await alice.next('receipt', { id, to: 'zed' })).state);
    const delivered = states.filter((state) => state === 'delivered').length;
    expect(delivered * text.length).toBeLessThan(16_000_000);
    expect(states).toEqual([
      ...Array<string>(delivered).fill('delivered'),
      ...Array<string>(sent.length - delivered).fill('failed'),
    ]);
    expect(delivered).toBeLessThan(sent.length);
  });

  it('ends when the line user goes, with or without a word', async () => {
    const alice = await world.member('alice');
    const zed = await lineUser('zed');
    await alice.client.open('zed');
    zed.say('QUIT');
    await alice.next('session', { peer: 'zed', state: 'closed', reason: 'ended' });
    const again = await lineUser('zed');
    await alice.client.open('zed');
    again.drop();
    await alice.next('session', { peer: 'zed', state: 'closed', reason: 'PEER_LOST' });
    expect(alice.client.status().conversation).toBeNull();
    await expect(alice.client.open('zed')).rejects.toMatchObject(withCode('UNKNOWN_USER'));
  });
});

describe('when the control connection breaks', () => {
  it('in mid-talk, again and again, nothing is lost or doubled', async () => {
    const wire = await Wire.to(world.server.control.port);
    const alice = await memberOver(wire, 'alice');
    const zed = await lineUser('zed');
    await alice.client.open('zed');
    let count = 0;
    for (let round = 0; round < 8; round += 1) {
      for (let n = 0; n < 50; n += 1) {
        count += 1;
        await alice.client.send(`ours ${String(count)}`);
        zed.say(`MESG alice theirs ${String(count)}`);
        // At any moment: while a request, its answer or an event is on the wire.
        if (n === 5 * round) wire.cut(round % 2 === 0 ? 'for a moment' : 'until mended');
        if (n % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
      }
      wire.mend();
      await alice.next('server', { state: 'back' });
    }
    for (let n = 1; n <= count; n += 1)
      expect(await alice.next('message')).toMatchObject({ text: `theirs ${String(n)}`, seq: n });
    for (let n = 1; n <= count; n += 1) await alice.next('receipt', { state: 'delivered' });
    await zed.next(`FROM alice: ours ${String(count)}`);
    expect(zed.unseen.filter((seen) => seen.startsWith('FROM'))).toEqual(
      Array.from({ length: count - 1 }, (_, n) => `FROM alice: ours ${String(n + 1)}`),
    );
    for (const event of ['message', 'receipt', 'session'] as const)
      expect(alice.unseen.filter((seen) => seen.event === event && !('path' in seen))).toEqual([]);
    expect(alice.notices.filter((text) => /missing|contradicts/.test(text))).toEqual([]);
    await alice.client.close();
    await wire.close();
  });

  it('and the server that comes back is a new one, the session ends', async () => {
    const wire = await Wire.to(world.server.control.port);
    const alice = await memberOver(wire, 'alice');
    await lineUser('zed');
    await alice.client.open('zed');
    wire.cut('until mended');
    const { id } = await alice.client.send('are you there?');
    await world.stopServer();
    await world.startServer({ line });
    expect(alice.client.status().conversation).toMatchObject({ name: 'zed' });
    wire.mend();
    await alice.next('session', { peer: 'zed', state: 'closed', reason: 'PEER_LOST' });
    await alice.next('receipt', { id, to: 'zed', state: 'failed' });
    expect(alice.client.status()).toMatchObject({ user: 'alice', conversation: null });
    await alice.client.close();
    await wire.close();
  });
});

describe('a room with native and line users', () => {
  it('is readable by the server while a line user is in it, and everybody hears everybody', async () => {
    const alice = await world.member('alice');
    const bob = await world.member('bob');
    const zed = await lineUser('zed');
    await alice.client.enter('lab');
    expect(await bob.client.enter('lab')).toMatchObject({ path: 'direct' });
    zed.say('ROOM lab');
    await zed.next('ROOM lab Request Accepted');
    for (const person of [alice, bob]) {
      await person.next('room', { state: 'joined', user: 'zed' });
      expect(person.client.status().conversation).toMatchObject({ kind: 'room', name: 'lab', path: 'gateway' });
      expect(person.notices.join()).toContain('zed is in the room through a gateway');
    }
    await alice.say('hello all', 'bob', 'zed');
    await bob.next('message', { from: 'alice', text: 'hello all', room: 'lab' });
    await zed.next('FROM alice@lab: hello all');
    zed.say('MESG lab hello you');
    for (const person of [alice, bob])
      expect(await person.next('message')).toMatchObject({ from: 'zed', text: 'hello you', room: 'lab', seq: 1 });

    const carol = await world.member('carol');
    expect(await carol.client.enter('lab')).toMatchObject({
      members: ['alice', 'bob', 'carol', 'zed'],
      path: 'gateway',
    });
    await carol.say('and me', 'alice', 'bob', 'zed');
    await zed.next('FROM carol@lab: and me');
    zed.say('LEAVE');
    for (const person of [alice, bob, carol]) {
      await person.next('room', { state: 'left', user: 'zed' });
      expect(person.notices.join()).toContain('nobody in lab is behind a gateway any more');
      expect(person.client.status().conversation).toMatchObject({ path: 'direct' });
    }
  });

  it('stands a broken control connection: what is said meanwhile comes once', async () => {
    const wire = await Wire.to(world.server.control.port);
    const alice = await memberOver(wire, 'alice');
    const bob = await world.member('bob');
    const zed = await lineUser('zed');
    await alice.client.enter('lab');
    await bob.client.enter('lab');
    zed.say('ROOM lab');
    for (const person of [alice, bob]) await person.next('room', { state: 'joined', user: 'zed' });
    await alice.say('before', 'bob', 'zed');
    wire.cut('until mended');
    await alice.next('server', { state: 'lost' });
    zed.say('MESG lab meanwhile');
    await bob.next('message', { from: 'zed', text: 'meanwhile' });
    const { id } = await alice.client.send('me too');
    await alice.next('receipt', { id, to: 'bob', state: 'delivered' });
    wire.mend();
    await alice.next('receipt', { id, to: 'zed', state: 'delivered' });
    await zed.next('FROM alice@lab: me too');
    expect(await alice.next('message')).toMatchObject({ from: 'zed', text: 'meanwhile', seq: 1 });
    zed.say('MESG lab after');
    expect(await alice.next('message')).toMatchObject({ from: 'zed', text: 'after', seq: 2 });
    expect(alice.saw('room', { state: 'left' })).toBe(false);
    await alice.client.close();
    await wire.close();
  });
});

describe('a name that had a key', () => {
  it('is not talked with through a gateway before that is trusted', async () => {
    // Without a certificate, so that the server made anew is taken for the same.
    await world.stopServer();
    await world.startServer({ line, tls: false });
    const alice = await world.person('alice', { tls: false });
    const bob = await world.person('bob', { tls: false });
    for (const { name, client } of [alice, bob]) {
      await client.connect(world.address);
      await client.register(name, password);
    }
    await alice.client.open('bob');
    for (const { client } of [alice, bob]) await client.disconnect();
    await world.stopServer();
    rmSync(join(world.folder, 'server'), { recursive: true });
    await world.startServer({ line, tls: false });
    await alice.client.connect(world.address);
    await alice.client.register('alice', password);

    const other = await lineUser('bob');
    await expect(alice.client.open('bob')).rejects.toMatchObject(withCode('KEY_CHANGED'));
    other.say('MESG alice let me in');
    await alice.next('session', { peer: 'bob', state: 'incoming', path: 'gateway' });
    await alice.next('session', { peer: 'bob', state: 'closed', reason: 'KEY_CHANGED' });
    expect(alice.notices.join()).toContain('NOT end-to-end encrypted');
    expect(alice.saw('message')).toBe(false);
    await world.noSessions();

    expect(await alice.client.trust('bob')).toEqual({ trusted: 'bob', fingerprint: 'gateway' });
    expect(await alice.client.open('bob')).toEqual({ peer: 'bob', path: 'gateway' });
    await alice.say('hello', 'bob');
    await other.next('FROM alice: hello');
  });
});

describe('mca', () => {
  it('shows scripts by which way a conversation goes', async () => {
    await lineUser('zed');
    const mca = new Program(mains.mca, ['--json', '--bind', '127.0.0.1', '--home', join(world.folder, 'mca')]);
    for (const said of [`c ${world.address}`, `register alice ${password}`, 'lcu', 'o zed', 's hello', 'l', 'x'])
      mca.say(said);
    expect(await mca.ended).toBe(0);
    expect(mca.records.find(({ command }) => command === 'lcu')?.['data']).toEqual({
      users: [
        { name: 'alice', door: 'native' },
        { name: 'zed', door: 'line' },
      ],
    });
    expect(mca.records.find(({ command }) => command === 'o')?.['data']).toEqual({ peer: 'zed', path: 'gateway' });
    expect(mca.records.find(({ command }) => command === 'l')?.['data']).toMatchObject({
      conversation: { kind: 'user', name: 'zed', path: 'gateway' },
    });
    await mca.record({ event: 'session', peer: 'zed', state: 'opened', path: 'gateway' });
    await mca.record({ event: 'receipt', to: 'zed', state: 'delivered' });
  });
});
