import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { killAll, mains, Program } from './programs.js';
import { password, withCode, World, type Person } from './world.js';

let world: World;
beforeEach(async () => {
  world = new World();
  await world.startServer();
});
afterEach(async () => {
  await killAll();
  await world.close();
});

describe('when the server goes', () => {
  it('a session goes on, the clients come back by themselves, and the server learns of the session again', async () => {
    const alice = await world.member('alice');
    const bob = await world.member('bob');
    await alice.client.open('bob');
    await world.stopServer();
    for (const person of [alice, bob]) {
      await person.next('server', { state: 'shutdown' });
      await person.next('server', { state: 'lost' });
    }
    await alice.say('nobody between us', 'bob');
    await bob.next('message', { text: 'nobody between us' });
    await expect(alice.client.users()).rejects.toMatchObject(withCode('SERVER_LOST'));

    const server = await world.startServer();
    for (const person of [alice, bob]) await person.next('server', { state: 'back' });
    expect(await alice.client.users()).toEqual([
      { name: 'alice', online: true },
      { name: 'bob', online: true },
    ]);
    const sessions = await server.execute('ls');
    expect(sessions).toMatchObject({ ok: true, data: { sessions: [{ users: ['alice', 'bob'] }] } });
    await alice.client.leave();
    await bob.next('session', { state: 'closed', reason: 'ended' });
    await world.noSessions();
  });

  it('a room goes on, and takes newcomers when the server is back', async () => {
    const alice = await world.member('alice');
    const bob = await world.member('bob');
    const carol = await world.member('carol');
    await alice.client.enter('lab');
    await bob.client.enter('lab');
    await alice.next('room', { state: 'joined', user: 'bob' });
    await alice.say('before', 'bob');
    await world.stopServer();
    await alice.next('server', { state: 'lost' });
    await alice.say('meanwhile', 'bob');
    await world.startServer();
    for (const person of [alice, bob, carol]) await person.next('server', { state: 'back' });
    expect(await carol.client.enter('lab')).toEqual({
      room: 'lab',
      owner: 'alice',
      members: ['alice', 'bob', 'carol'],
      path: 'direct',
    });
    for (const person of [alice, bob]) await person.next('room', { state: 'joined', user: 'carol' });
    await alice.say('after', 'bob', 'carol');
    for (const person of [bob, carol])
      expect(await person.next('message', { text: 'after' })).toMatchObject({ seq: 3 });
    expect(bob.notices.filter((text) => text.includes('missing'))).toEqual([]);
  });

  it('a session that ended meanwhile is not brought back', async () => {
    const alice = await world.member('alice');
    const bob = await world.member('bob');
    await alice.client.open('bob');
    await bob.next('session', { state: 'opened' });
    await world.stopServer();
    await alice.next('server', { state: 'lost' });
    await alice.client.leave();
    await bob.next('session', { state: 'closed', reason: 'ended' });
    await world.startServer();
    for (const person of [alice, bob]) await person.next('server', { state: 'back' });
    await world.noSessions();
    await bob.client.open('alice');
  });

  it('accounts and rooms are kept', async () => {
    const alice = await world.member('alice');
    await alice.client.enter('lab');
    await alice.client.disconnect();
    await world.stopServer();
    await world.startServer();
    await alice.client.connect(world.address);
    await expect(alice.client.login('alice', 'wrong horse')).rejects.toMatchObject(withCode('BAD_CREDENTIALS'));
    await alice.client.login('alice', password);
    expect(await alice.client.rooms()).toEqual([{ name: 'lab', owner: 'alice', members: 0 }]);
    expect(await alice.client.enter('lab')).toMatchObject({ owner: 'alice' });
  });
});

describe('when the peer goes without a word', () => {
  it('the session ends with PEER_LOST, and what was not confirmed has failed', async () => {
    const alice = await world.member('alice', {}, { peerIdleTimeoutMs: 3_000, keepAliveMs: 1_000 });
    const bob = new Program(mains.mca, ['--json', '--bind', '127.0.0.1', '--home', `${world.folder}/bob`]);
    bob.say(`c ${world.address}`);
    bob.say(`register bob ${password}`);
    await bob.record({ command: 'register', ok: true });
    await alice.client.open('bob');
    await alice.say('still here', 'bob');
    await bob.kill('SIGKILL');
    const { id } = await alice.client.send('are you there?');
    await alice.next('receipt', { id, to: 'bob', state: 'failed' });
    await alice.next('session', { peer: 'bob', state: 'closed', reason: 'PEER_LOST' });
    expect(alice.client.status().conversation).toBeNull();
    await world.noSessions();
  });
});

describe('when no address of the other device answers', () => {
  /** One has IPv4 only, the other IPv6 only. */
  async function strangers(): Promise<[Person, Person]> {
    const settings = { pathTimeoutMs: 500, settleMs: 50 };
    return [
      await world.member('alice', { bind: '127.0.0.1' }, settings),
      await world.member('bob', { bind: '::1' }, settings),
    ];
  }

  it('the server relays', async () => {
    const [alice, bob] = await strangers();
    expect(await alice.client.open('bob')).toEqual({ peer: 'bob', path: 'relayed' });
    await bob.next('session', { peer: 'alice', state: 'opened', path: 'relayed' });
    await alice.say('by whatever way', 'bob');
    await bob.say('there is', 'alice');
    expect(await bob.next('message')).toMatchObject({ text: 'by whatever way' });
    expect(await alice.next('message')).toMatchObject({ text: 'there is' });
  });

  it('and the server does not relay, opening says NO_PATH on both sides, and why', async () => {
    await world.stopServer();
    await world.startServer({ relay: null });
    const [alice, bob] = await strangers();
    const opening = alice.client.open('bob');
    await expect(opening).rejects.toMatchObject(withCode('NO_PATH'));
    await expect(opening).rejects.toThrow(
      'there is only IPv4 here and only IPv6 at the other side, and there is no relay',
    );
    await bob.next('session', { peer: 'alice', state: 'closed', reason: 'NO_PATH' });
    expect(alice.client.status().conversation).toBeNull();
    expect(alice.client.pathTo('bob').report?.verdict).toEqual({
      state: 'none',
      reason: { kind: 'no-common-family', own: 4 },
    });
    await world.noSessions();
  });
});
