import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { withCode, World } from './world.js';

let world: World;
beforeEach(async () => {
  world = new World();
  await world.startServer();
});
afterEach(() => world.close());

describe('a room', () => {
  it('is opened by the first, and each hears each other', async () => {
    const alice = await world.member('alice');
    const bob = await world.member('bob');
    const carol = await world.member('carol');
    const dave = await world.member('dave');
    const people = [alice, bob, carol, dave];
    expect(await alice.client.enter('lab')).toEqual({
      room: 'lab',
      owner: 'alice',
      members: ['alice'],
      path: 'direct',
    });
    expect(await bob.client.enter('lab')).toEqual({
      room: 'lab',
      owner: 'alice',
      members: ['alice', 'bob'],
      path: 'direct',
    });
    await alice.next('room', { room: 'lab', state: 'joined', user: 'bob' });
    await carol.client.enter('lab');
    await dave.client.enter('lab');
    for (const person of [alice, bob, carol]) await person.next('room', { state: 'joined', user: 'dave' });
    for (const speaker of people) {
      const others = people.filter((person) => person !== speaker);
      const id = await speaker.say(`this is ${speaker.name}`, ...others.map(({ name }) => name));
      for (const other of others) {
        expect(await other.next('message', { id })).toMatchObject({ from: speaker.name, room: 'lab', seq: 1 });
      }
    }
    expect(await dave.client.rooms()).toEqual([{ name: 'lab', owner: 'alice', members: 4 }]);
    expect(await dave.client.roomMembers('lab')).toEqual({ room: 'lab', members: ['alice', 'bob', 'carol', 'dave'] });

    await bob.client.leave();
    for (const person of [alice, carol, dave]) await person.next('room', { state: 'left', user: 'bob' });
    const id = await alice.say('bob is gone', 'carol', 'dave');
    await carol.next('message', { id });
    expect(bob.saw('message', { id })).toBe(false);
  });

  it('gives a newcomer what is said from then on', async () => {
    const alice = await world.member('alice');
    const bob = await world.member('bob');
    await alice.client.enter('lab');
    await alice.client.send('to nobody');
    await bob.client.enter('lab');
    await alice.next('room', { state: 'joined' });
    await alice.say('to bob', 'bob');
    expect(await bob.next('message')).toMatchObject({ text: 'to bob', seq: 2 });
    expect(bob.notices.filter((text) => text.includes('missing'))).toEqual([]);
  });

  it('is closed for all by its owner only', async () => {
    const alice = await world.member('alice');
    const bob = await world.member('bob');
    await alice.client.enter('lab');
    await bob.client.enter('lab');
    await expect(bob.client.closeRoom('lab')).rejects.toMatchObject(withCode('NOT_OWNER'));
    await expect(bob.client.closeRoom('nosuch')).rejects.toMatchObject(withCode('UNKNOWN_ROOM'));
    await alice.client.closeRoom('lab');
    await alice.next('room', { room: 'lab', state: 'closed' });
    await bob.next('room', { room: 'lab', state: 'closed' });
    expect(bob.client.status().conversation).toBeNull();
    await expect(bob.client.send('x')).rejects.toMatchObject(withCode('NO_CONVERSATION'));
    expect(await bob.client.rooms()).toEqual([]);
    expect((await bob.client.enter('lab')).owner).toBe('bob');
  });

  it('can be closed by an owner who is elsewhere', async () => {
    const alice = await world.member('alice');
    const bob = await world.member('bob');
    await alice.client.enter('lab');
    await bob.client.enter('lab');
    await alice.client.leave();
    await alice.client.closeRoom('lab');
    await bob.next('room', { room: 'lab', state: 'closed' });
  });

  it('holds as many as the server says', async () => {
    await world.stopServer();
    await world.startServer({ roomMembers: 2 });
    const alice = await world.member('alice');
    const bob = await world.member('bob');
    const carol = await world.member('carol');
    await alice.client.enter('lab');
    await bob.client.enter('lab');
    await expect(carol.client.enter('lab')).rejects.toMatchObject(withCode('ROOM_FULL'));
    await bob.client.leave();
    await carol.client.enter('lab');
  });

  it('refuses names that are none', async () => {
    const alice = await world.member('alice');
    await alice.client.enter('lab');
    await expect(alice.client.enter('Not a name')).rejects.toMatchObject(withCode('NAME_INVALID'));
    await expect(alice.client.roomMembers('nosuch')).rejects.toMatchObject(withCode('UNKNOWN_ROOM'));
    expect(alice.client.status().conversation).toMatchObject({ kind: 'room', name: 'lab' });
  });

  it('delivers what was said before leaving', async () => {
    const alice = await world.member('alice');
    const bob = await world.member('bob');
    await alice.client.enter('lab');
    await bob.client.enter('lab');
    for (let n = 0; n < 50; n += 1) await bob.client.send(String(n));
    await bob.client.disconnect();
    await alice.next('room', { state: 'left', user: 'bob' });
    expect(alice.unseen.filter(({ event }) => event === 'message')).toHaveLength(50);
    expect(bob.saw('receipt', { state: 'failed' })).toBe(false);
  });
});
