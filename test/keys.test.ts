import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { rmSync } from 'node:fs';
import { password, withCode, World, type Person } from './world.js';

let world: World;
beforeEach(async () => {
  world = new World();
  await world.startServer();
});
afterEach(() => world.close());

/** The same user at another device. */
async function elsewhere(name: string): Promise<Person> {
  const person = await world.person(`${name}-elsewhere`);
  await person.client.connect(world.address);
  await person.client.login(name, password);
  return person;
}

describe('the key of a user', () => {
  it('that has changed stops the session until it is trusted', async () => {
    const alice = await world.member('alice');
    const bob = await world.member('bob');
    await alice.client.open('bob');
    const before = alice.client.keyOf('bob');
    await alice.client.leave();
    await bob.client.disconnect();
    const other = await elsewhere('bob');
    await expect(alice.client.open('bob')).rejects.toMatchObject(withCode('KEY_CHANGED'));
    expect(alice.client.status().conversation).toBeNull();
    await other.next('session', { peer: 'alice', state: 'closed', reason: 'KEY_CHANGED' });
    await expect(alice.client.open('bob')).rejects.toMatchObject(withCode('KEY_CHANGED'));
    expect((await alice.client.trust('bob')).trusted).toBe('bob');
    await alice.client.open('bob');
    expect(alice.client.keyOf('bob')).not.toBe(before);
    await alice.say('hello there', 'bob');
    await other.next('message', { text: 'hello there' });
    // The first device is still one of bob's.
    await other.client.disconnect();
    await bob.client.connect(world.address);
    await bob.client.login('bob', password);
    await alice.client.open('bob');
  });

  it('is looked at by the one who is called, too', async () => {
    const alice = await world.member('alice');
    const bob = await world.member('bob');
    await alice.client.open('bob');
    await alice.client.leave();
    await bob.client.disconnect();
    const other = await elsewhere('bob');
    await expect(other.client.open('alice')).rejects.toMatchObject(withCode('KEY_CHANGED'));
    await alice.next('session', { peer: 'bob', state: 'closed', reason: 'KEY_CHANGED' });
    await alice.client.trust('bob');
    await other.client.open('alice');
  });

  it('that has changed keeps a room member out of what is said, and says so', async () => {
    const alice = await world.member('alice');
    const bob = await world.member('bob');
    const carol = await world.member('carol');
    await alice.client.open('bob');
    await alice.client.leave();
    await bob.client.disconnect();
    const other = await elsewhere('bob');
    await alice.client.enter('lab');
    await carol.client.enter('lab');
    await other.client.enter('lab');
    await alice.next('room', { state: 'joined', user: 'bob' });
    const { id } = await alice.client.send('not for strangers');
    await alice.next('receipt', { id, to: 'bob', state: 'failed' });
    await alice.next('receipt', { id, to: 'carol', state: 'delivered' });
    expect(alice.notices.join()).toContain('trust bob');
    expect(other.saw('message')).toBe(false);
  });

  it('is not trusted when there is nothing to trust', async () => {
    const alice = await world.member('alice');
    await expect(alice.client.trust('bob')).rejects.toMatchObject(withCode('NOTHING_TO_TRUST'));
    await expect(alice.client.trust('127.0.0.1:1')).rejects.toMatchObject(withCode('NOTHING_TO_TRUST'));
  });
});

describe('the certificate of a server', () => {
  it('is pinned at first contact, and a changed one is refused until it is trusted', async () => {
    const alice = await world.person('alice');
    const first = await alice.client.connect(world.address);
    expect(first).toEqual({ server: world.address, fingerprint: world.server.fingerprint, firstContact: true });
    await alice.client.disconnect();
    expect((await alice.client.connect(world.address)).firstContact).toBe(false);
    await alice.client.disconnect();

    await world.stopServer();
    rmSync(`${world.folder}/server`, { recursive: true });
    await world.startServer();
    await expect(alice.client.connect(world.address)).rejects.toMatchObject(withCode('SERVER_KEY_CHANGED'));
    await expect(alice.client.login('alice', password)).rejects.toMatchObject(withCode('NOT_CONNECTED'));
    expect(await alice.client.trust(world.address)).toEqual({
      trusted: world.address,
      fingerprint: world.server.fingerprint,
    });
    await alice.client.connect(world.address);
  });

  it('that changes while we are connected is refused as well', async () => {
    const alice = await world.member('alice');
    await world.stopServer();
    rmSync(`${world.folder}/server`, { recursive: true });
    await alice.next('server', { state: 'lost' });
    await world.startServer();
    await alice.next('server', { state: 'lost' });
    expect(alice.notices.join()).toContain('HAS CHANGED');
    expect(alice.client.status().server).toBeNull();
    await expect(alice.client.connect(world.address)).rejects.toMatchObject(withCode('SERVER_KEY_CHANGED'));
  });

  it('is none without TLS', async () => {
    await world.stopServer();
    await world.startServer({ tls: false });
    const alice = await world.person('alice', { tls: false });
    expect(await alice.client.connect(world.address)).toEqual({
      server: world.address,
      fingerprint: null,
      firstContact: false,
    });
    const bob = await world.person('bob', { tls: true });
    await expect(bob.client.connect(world.address)).rejects.toMatchObject(withCode('SERVER_UNREACHABLE'));
  });
});
