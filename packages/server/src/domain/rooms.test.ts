import { beforeEach, describe, expect, it } from '@jest/globals';
import type { DeviceIntroduction } from '@parley/protocol';
import { FakeWorld, type Person } from './fake-world.fixture.js';

let world: FakeWorld;
let anna: Person;
let berta: Person;
let carla: Person;

beforeEach(async () => {
  world = new FakeWorld({ roomMembers: 3 });
  [anna, berta, carla] = await world.joinAll('anna', 'berta', 'carla');
});

const refusal = (code: string) => expect.objectContaining({ code });

describe('entering a room', () => {
  it('opens it, with the first as its owner', async () => {
    const entry = await world.messenger.rooms.enter(anna.user, 'lobby');
    expect(entry).toEqual({
      room: 'lobby',
      id: world.rooms.rows.get('lobby')?.id,
      owner: 'anna',
      members: ['anna'],
      introductions: [],
    });
  });

  it('introduces the newcomer to each member, as the initiator', async () => {
    await world.messenger.rooms.enter(anna.user, 'lobby');
    await world.messenger.rooms.enter(berta.user, 'lobby');
    anna.connection.take();
    const entry = await world.messenger.rooms.enter(carla.user, 'lobby');
    expect(entry.members).toEqual(['anna', 'berta', 'carla']);
    expect(entry.introductions).toMatchObject([
      { peer: 'anna', role: 'initiator', deviceKey: 'anna device' },
      { peer: 'berta', role: 'initiator', deviceKey: 'berta device' },
    ]);
    const [first, second] = entry.introductions as DeviceIntroduction[];
    expect(first?.psk).not.toBe(second?.psk);
    expect(anna.connection.take()).toEqual([
      [
        'room.joined',
        {
          room: 'lobby',
          user: 'carla',
          introduction: {
            via: 'device',
            id: first?.id,
            psk: first?.psk,
            role: 'responder',
            peer: 'carla',
            deviceKey: 'carla device',
            candidates: [],
            relay: { ...first?.relay, side: 1, token: expect.stringMatching(/^R/) },
          },
        },
      ],
    ]);
    expect(carla.connection.take()).toEqual([]);
  });

  it('again introduces anew, for the device may have started afresh', async () => {
    await world.messenger.rooms.enter(anna.user, 'lobby');
    await world.messenger.rooms.enter(berta.user, 'lobby');
    anna.connection.take();
    const entry = await world.messenger.rooms.enter(berta.user, 'lobby');
    expect(entry.members).toEqual(['anna', 'berta']);
    expect(entry.introductions).toHaveLength(1);
    expect(anna.connection.take()).toMatchObject([['room.joined', { user: 'berta', introduction: { peer: 'berta' } }]]);
  });

  it('with members still linked introduces to the others only', async () => {
    const { id } = await world.messenger.rooms.enter(anna.user, 'lobby');
    await world.messenger.rooms.enter(berta.user, 'lobby');
    await world.messenger.rooms.enter(carla.user, 'lobby');
    const back = await world.resume(carla);
    anna.connection.take();
    berta.connection.take();
    const entry = await world.messenger.rooms.enter(back.user, 'lobby', { id, linked: ['anna', 'nobody'] });
    expect(entry.introductions.map(({ peer }) => peer)).toEqual(['berta']);
    expect(anna.connection.take()).toEqual([['room.joined', { room: 'lobby', user: 'carla', introduction: null }]]);
    expect(berta.connection.take()).toMatchObject([['room.joined', { introduction: { peer: 'carla' } }]]);
  });

  it('of an opening that was closed meanwhile opens no new one', async () => {
    const { id } = await world.messenger.rooms.enter(anna.user, 'lobby');
    await world.messenger.rooms.close(anna.user, 'lobby');
    await expect(world.messenger.rooms.enter(berta.user, 'lobby', { id })).rejects.toEqual(refusal('UNKNOWN_ROOM'));
    expect(world.rooms.rows.size).toBe(0);
    await world.messenger.rooms.enter(carla.user, 'lobby');
    await expect(world.messenger.rooms.enter(berta.user, 'lobby', { id })).rejects.toEqual(refusal('UNKNOWN_ROOM'));
  });

  it('is refused when it is full, but not to one who is in it', async () => {
    for (const { user } of [anna, berta, carla]) await world.messenger.rooms.enter(user, 'lobby');
    const dora = await world.join('dora');
    await expect(world.messenger.rooms.enter(dora.user, 'lobby')).rejects.toEqual(refusal('ROOM_FULL'));
    expect(await world.messenger.rooms.members('lobby')).toEqual(['anna', 'berta', 'carla']);
    expect((await world.messenger.rooms.enter(carla.user, 'lobby')).introductions).toHaveLength(2);
  });

  it.each(['', 'x', 'Lobby', 'a room', '__proto__', 'lobby\u0000'])('is refused for the name %j', async (name) => {
    await expect(world.messenger.rooms.enter(anna.user, name)).rejects.toEqual(refusal('NAME_INVALID'));
  });

  it('is refused to one who owns too many rooms already, unless it exists', async () => {
    for (let index = 0; index < 100; index += 1) {
      await world.messenger.rooms.enter(anna.user, `room-${String(index)}`);
    }
    await expect(world.messenger.rooms.enter(anna.user, 'one-more')).rejects.toEqual(refusal('ROOM_LIMIT'));
    await world.messenger.rooms.enter(berta.user, 'of-berta');
    expect((await world.messenger.rooms.enter(anna.user, 'of-berta')).owner).toBe('berta');
  });

  it('by two at the same time opens it once', async () => {
    const [one, two] = await Promise.all([
      world.messenger.rooms.enter(anna.user, 'lobby'),
      world.messenger.rooms.enter(berta.user, 'lobby'),
    ]);
    expect(two).toMatchObject({ id: one.id, owner: 'anna', members: ['anna', 'berta'] });
    expect(two.introductions).toHaveLength(1);
  });

  it('does not admit one whose connection broke meanwhile', async () => {
    const entering = world.messenger.rooms.enter(anna.user, 'lobby');
    world.breakConnection(anna);
    await expect(entering).rejects.toEqual(refusal('NOT_LOGGED_IN'));
    expect(await world.messenger.rooms.members('lobby')).toEqual([]);
  });
});

describe('leaving a room', () => {
  beforeEach(async () => {
    await world.messenger.rooms.enter(anna.user, 'lobby');
    await world.messenger.rooms.enter(berta.user, 'lobby');
    anna.connection.take();
  });

  it('tells the others; the room stays when the last is gone', async () => {
    await world.messenger.rooms.leave(berta.user, 'lobby');
    expect(anna.connection.take()).toEqual([['room.left', { room: 'lobby', user: 'berta', reason: 'left' }]]);
    await world.messenger.rooms.leave(anna.user, 'lobby');
    expect(await world.messenger.rooms.page({})).toEqual({
      items: [{ name: 'lobby', owner: 'anna', members: 0 }],
      next: null,
    });
  });

  it('takes effect in the order in which one asked', async () => {
    const asked = [
      world.messenger.rooms.enter(carla.user, 'annex').then(({ members }) => members),
      world.messenger.rooms.members('annex'),
      world.messenger.rooms.leave(carla.user, 'annex'),
      world.messenger.rooms.members('annex'),
    ];
    expect(await Promise.all(asked)).toEqual([['carla'], ['carla'], undefined, []]);
    const [entered, closed, left] = await Promise.allSettled([
      world.messenger.rooms.enter(carla.user, 'annex'),
      world.messenger.rooms.close(carla.user, 'annex'),
      world.messenger.rooms.leave(carla.user, 'annex'),
    ]);
    expect([entered.status, closed.status]).toEqual(['fulfilled', 'fulfilled']);
    expect(left).toMatchObject({ status: 'rejected', reason: { code: 'UNKNOWN_ROOM' } });
  });

  it('is not done for a login that ended while it waited', async () => {
    const entering = world.messenger.rooms.enter(berta.user, 'lobby');
    const leaving = world.messenger.rooms.leave(berta.user, 'lobby');
    world.breakConnection(berta);
    const outcomes = await Promise.allSettled([entering, leaving]);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { code: 'NOT_LOGGED_IN' } });
    expect(await world.messenger.rooms.members('lobby')).toEqual(['anna', 'berta']);
  });

  it('is refused to those who are not in it', async () => {
    await expect(world.messenger.rooms.leave(carla.user, 'lobby')).rejects.toEqual(refusal('NOT_MEMBER'));
    await expect(world.messenger.rooms.leave(anna.user, 'nowhere')).rejects.toEqual(refusal('UNKNOWN_ROOM'));
    await expect(world.messenger.rooms.leave(anna.user, 'No Name')).rejects.toEqual(refusal('UNKNOWN_ROOM'));
    await world.messenger.rooms.leave(anna.user, 'lobby');
    await world.messenger.rooms.leave(berta.user, 'lobby');
    await expect(world.messenger.rooms.leave(anna.user, 'lobby')).rejects.toEqual(refusal('NOT_MEMBER'));
  });

  it('happens by itself when a broken connection does not come back in time', async () => {
    world.breakConnection(berta);
    world.clock.advance(59_999);
    expect(anna.connection.take()).toEqual([]);
    expect(await world.messenger.rooms.members('lobby')).toEqual(['anna', 'berta']);
    world.clock.advance(1);
    expect(anna.connection.take()).toEqual([['room.left', { room: 'lobby', user: 'berta', reason: 'lost' }]]);
    expect(await world.messenger.rooms.members('lobby')).toEqual(['anna']);
  });

  it('does not happen to one who comes back in time', async () => {
    world.breakConnection(berta);
    world.clock.advance(59_000);
    await world.resume(berta);
    world.clock.advance(120_000);
    expect(anna.connection.take()).toEqual([]);
    expect(await world.messenger.rooms.members('lobby')).toEqual(['anna', 'berta']);
  });

  it('a member who is away is introduced to a newcomer on coming back', async () => {
    world.breakConnection(berta);
    const { members, introductions } = await world.messenger.rooms.enter(carla.user, 'lobby');
    expect(members).toEqual(['anna', 'berta', 'carla']);
    expect(introductions.map(({ peer }) => peer)).toEqual(['anna']);
    const back = await world.resume(berta);
    const entry = await world.messenger.rooms.enter(back.user, 'lobby', { linked: ['anna'] });
    expect(entry.introductions.map(({ peer }) => peer)).toEqual(['carla']);
  });
});

describe('closing a room', () => {
  beforeEach(async () => {
    await world.messenger.rooms.enter(anna.user, 'lobby');
    await world.messenger.rooms.enter(berta.user, 'lobby');
    anna.connection.take();
  });

  it('takes all out of it and deletes it', async () => {
    await world.messenger.rooms.close(anna.user, 'lobby');
    for (const { connection } of [anna, berta]) {
      expect(connection.take()).toEqual([['room.closed', { room: 'lobby' }]]);
    }
    expect(world.rooms.rows.size).toBe(0);
    await expect(world.messenger.rooms.members('lobby')).rejects.toEqual(refusal('UNKNOWN_ROOM'));
  });

  it('is for its owner only, who need not be in it', async () => {
    await expect(world.messenger.rooms.close(berta.user, 'lobby')).rejects.toEqual(refusal('NOT_OWNER'));
    await expect(world.messenger.rooms.close(carla.user, 'lobby')).rejects.toEqual(refusal('NOT_OWNER'));
    await expect(world.messenger.rooms.close(anna.user, 'nowhere')).rejects.toEqual(refusal('UNKNOWN_ROOM'));
    await world.messenger.rooms.leave(anna.user, 'lobby');
    berta.connection.take();
    await world.messenger.rooms.close(anna.user, 'lobby');
    expect(berta.connection.take()).toEqual([['room.closed', { room: 'lobby' }]]);
  });

  it('while somebody enters leaves nobody in a room that is gone', async () => {
    const closing = world.messenger.rooms.close(anna.user, 'lobby');
    const entering = world.messenger.rooms.enter(carla.user, 'lobby');
    await closing;
    const entry = await entering;
    expect(entry).toMatchObject({ owner: 'carla', members: ['carla'], introductions: [] });
    expect(await world.messenger.rooms.members('lobby')).toEqual(['carla']);
    expect(world.rooms.rows.get('lobby')?.id).toBe(entry.id);
  });
});
