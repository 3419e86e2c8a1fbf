import { beforeEach, describe, expect, it } from '@jest/globals';
import type { DeviceIntroduction, RelayGrant } from '@parley/protocol';
import { FakeWorld, type Person } from './fake-world.fixture.js';

const code = (code: string) => expect.objectContaining({ code });
const strangeId = 'ab'.repeat(16);

let world: FakeWorld;
let anna: Person;
let berta: Person;
let carla: Person;

beforeEach(async () => {
  world = new FakeWorld();
  [anna, berta, carla] = await world.joinAll('anna', 'berta', 'carla');
});

/** @returns what both got, the initiator's first */
async function inSession(): Promise<[DeviceIntroduction, DeviceIntroduction]> {
  const called = world.messenger.openSession(anna.user, 'berta');
  const toBerta = world.messenger.answerCall(berta.user, 'anna', 'accept');
  return [(await called) as DeviceIntroduction, toBerta as DeviceIntroduction];
}

/** @returns the room's id, and what the second of the two got */
async function inRoom(): Promise<[string, DeviceIntroduction]> {
  await world.messenger.rooms.enter(anna.user, 'lobby');
  const entry = await world.messenger.rooms.enter(berta.user, 'lobby');
  return [entry.id, entry.introductions[0] as DeviceIntroduction];
}

const openTo = (): (readonly [string, string])[] => [...world.relay.open.values()];

async function breakFor(person: Person, ms: number): Promise<Person> {
  world.breakConnection(person);
  world.clock.advance(ms);
  return world.resume(person);
}

describe('the relay channel of a session', () => {
  it('is opened to the two, with a token for each', async () => {
    const [toAnna, toBerta] = await inSession();
    expect(openTo()).toEqual([['anna', 'berta']]);
    expect(toAnna.relay).toMatchObject({ channel: 1, side: 0 });
    expect(toBerta.relay).toMatchObject({ channel: 1, side: 1 });
    expect(toAnna.relay?.token).not.toBe(toBerta.relay?.token);
  });

  it('is not there when the relay is full', async () => {
    world.relay.isFull = true;
    const [toAnna, toBerta] = await inSession();
    expect([toAnna.relay, toBerta.relay]).toEqual([null, null]);
  });

  it('ends with the session, however it ends', async () => {
    const [{ id }] = await inSession();
    world.messenger.closeSession(anna.user, 'berta', strangeId, 'ended');
    expect(openTo()).toHaveLength(1);
    world.messenger.closeSession(berta.user, 'anna', id, 'ended');
    expect(openTo()).toEqual([]);
    await inSession();
    await world.messenger.accounts.logout(anna.user);
    expect(openTo()).toEqual([]);
  });

  it('is replaced by that of a newer one', async () => {
    await inSession();
    const [second] = await inSession();
    expect([...world.relay.open.keys()]).toEqual([second.relay?.channel]);
  });

  it('outlives a connection that breaks; who comes back gets the same again', async () => {
    const [toAnna] = await inSession();
    const back = await breakFor(anna, 59_000);
    expect(world.messenger.restoreSession(back.user, 'berta', toAnna.id)).toEqual(toAnna.relay);
    expect(openTo()).toHaveLength(1);
  });

  it('outlives one user who stays away, for the other may still talk with that device; not both', async () => {
    const [toAnna, toBerta] = await inSession();
    const back = await breakFor(anna, 61_000);
    expect(openTo()).toHaveLength(1);
    expect(world.messenger.restoreSession(back.user, 'berta', toAnna.id)).toEqual(toAnna.relay);
    world.breakConnection(berta);
    world.clock.advance(61_000);
    expect(openTo()).toHaveLength(1);
    world.breakConnection(back);
    world.clock.advance(61_000);
    expect(openTo()).toEqual([]);
    const again = await world.resume(back);
    const other = await world.resume(berta);
    const theirs = world.messenger.restoreSession(again.user, 'berta', toAnna.id);
    const ours = world.messenger.restoreSession(other.user, 'anna', toAnna.id);
    expect(theirs?.channel).toBe(ours?.channel);
    expect(ours?.channel).not.toBe(toBerta.relay?.channel);
  });
});

describe('an introduction of which the server knows nothing', () => {
  it('stands with the word of both; the channel opens then, with other tokens', () => {
    const first = world.messenger.restoreSession(anna.user, 'berta', strangeId);
    expect(openTo()).toEqual([]);
    const second = world.messenger.restoreSession(berta.user, 'anna', strangeId);
    expect(openTo()).toEqual([['anna', 'berta']]);
    expect([first, second]).toMatchObject([
      { channel: first?.channel, side: 0 },
      { channel: first?.channel, side: 1 },
    ]);
    expect(first?.token).not.toBe(second?.token);
    // Told again, each has what it had.
    expect(world.messenger.restoreSession(anna.user, 'berta', strangeId)).toEqual(first);
  });

  it('stands for nobody else, and not for another id', () => {
    world.messenger.restoreSession(anna.user, 'berta', strangeId);
    world.messenger.restoreSession(carla.user, 'berta', strangeId);
    world.messenger.restoreSession(berta.user, 'anna', 'cd'.repeat(16));
    expect(openTo()).toEqual([]);
  });

  it('needs the word of both anew after one has gone', async () => {
    world.messenger.restoreSession(anna.user, 'berta', strangeId);
    await breakFor(anna, 1);
    world.messenger.restoreSession(berta.user, 'anna', strangeId);
    expect(openTo()).toEqual([]);
  });

  it('is void where a newer one stands', async () => {
    await inSession();
    expect(world.messenger.restoreSession(anna.user, 'berta', strangeId)).toBeNull();
    expect(openTo()).toHaveLength(1);
  });

  it('stands without a channel when the relay is full, and gets one when there is room', () => {
    world.messenger.restoreSession(anna.user, 'berta', strangeId);
    world.relay.isFull = true;
    expect(world.messenger.restoreSession(berta.user, 'anna', strangeId)).toBeNull();
    world.relay.isFull = false;
    expect(world.messenger.restoreSession(berta.user, 'anna', strangeId)).toMatchObject({ side: 1 });
    expect(openTo()).toEqual([['anna', 'berta']]);
  });

  it('is one of a room only for those in its opening', async () => {
    const [room] = await inRoom();
    const restore = (person: Person, peer: string, of = room): RelayGrant | null =>
      world.messenger.restoreIntroduction(person.user, peer, of, strangeId);
    expect(() => restore(carla, 'anna')).toThrow(code('NO_CONVERSATION'));
    expect(() => restore(anna, 'berta', strangeId)).toThrow(code('NO_CONVERSATION'));
    await world.messenger.rooms.enter(carla.user, 'lobby', { id: room, linked: ['anna'] });
    world.relay.open.clear();
    expect(restore(carla, 'anna')).toMatchObject({ side: 0 });
    expect(restore(anna, 'carla')).toMatchObject({ side: 1 });
    expect(openTo()).toEqual([['carla', 'anna']]);
  });
});

describe('the relay channels of a room', () => {
  it('end when a member leaves, or the room is closed, and not with a session of the same two', async () => {
    await inRoom();
    const [{ id }] = await inSession();
    await world.messenger.rooms.enter(carla.user, 'lobby');
    expect(openTo()).toHaveLength(4);
    world.messenger.closeSession(anna.user, 'berta', id, 'ended');
    expect(openTo()).toHaveLength(3);
    await world.messenger.rooms.leave(carla.user, 'lobby');
    expect(openTo()).toEqual([['berta', 'anna']]);
    await world.messenger.rooms.close(anna.user, 'lobby');
    expect(openTo()).toEqual([]);
  });

  it('are replaced when a member enters afresh', async () => {
    await inRoom();
    await world.messenger.rooms.enter(berta.user, 'lobby');
    expect(openTo()).toEqual([['berta', 'anna']]);
  });

  it('outlive a member who stays away', async () => {
    await inRoom();
    await breakFor(berta, 61_000);
    expect(openTo()).toEqual([['berta', 'anna']]);
  });
});

describe('an offer of addresses', () => {
  const sealed = 'c2VhbGVk';

  it('reaches the device at the other end of an introduction: of a session or a room, from either side', async () => {
    const [{ id }] = await inSession();
    const [, { id: ofRoom }] = await inRoom();
    anna.connection.take();
    berta.connection.take();
    world.messenger.offerPath(anna.user, 'berta', id, sealed);
    expect(berta.connection.take()).toEqual([['path.offered', { peer: 'anna', introduction: id, sealed }]]);
    world.messenger.offerPath(berta.user, 'anna', ofRoom, sealed);
    expect(anna.connection.take()).toEqual([['path.offered', { peer: 'berta', introduction: ofRoom, sealed }]]);
  });

  it('reaches nobody else', async () => {
    const [{ id }] = await inSession();
    const offer = (person: Person, peer: string, introduction: string) => () => {
      world.messenger.offerPath(person.user, peer, introduction, sealed);
    };
    expect(offer(carla, 'anna', id)).toThrow(code('NO_CONVERSATION'));
    expect(offer(anna, 'carla', id)).toThrow(code('NO_CONVERSATION'));
    expect(offer(anna, 'anna', id)).toThrow(code('NO_CONVERSATION'));
    expect(offer(anna, 'berta', strangeId)).toThrow(code('NO_CONVERSATION'));
    world.messenger.restoreSession(anna.user, 'carla', strangeId);
    expect(offer(anna, 'carla', strangeId)).toThrow(code('NO_CONVERSATION'));
    world.messenger.closeSession(anna.user, 'berta', id, 'ended');
    expect(offer(anna, 'berta', id)).toThrow(code('NO_CONVERSATION'));
  });

  it('waits for nobody who is away', async () => {
    const [{ id }] = await inSession();
    world.breakConnection(berta);
    expect(() => {
      world.messenger.offerPath(anna.user, 'berta', id, sealed);
    }).toThrow(code('USER_OFFLINE'));
  });
});

it('what users say that stands is bounded: the oldest goes', async () => {
  for (let index = 0; index < 1_100; index += 1)
    world.messenger.restoreSession(anna.user, `peer-${String(index)}`, strangeId);
  const early = await world.join('peer-0');
  const late = await world.join('peer-1099');
  world.messenger.restoreSession(early.user, 'anna', strangeId);
  world.messenger.restoreSession(late.user, 'anna', strangeId);
  expect(openTo()).toEqual([['anna', 'peer-1099']]);
});

it('so are the peers that one has lost', async () => {
  for (let index = 0; index < 270; index += 1) {
    const peer = await world.join(`peer-${String(index)}`);
    const called = world.messenger.openSession(peer.user, 'anna');
    world.messenger.answerCall(anna.user, peer.name, 'accept');
    await called;
    world.breakConnection(peer);
    world.clock.advance(61_000);
  }
  expect(openTo()).toHaveLength(256);
});

it('relay frames reach a user on the newest connection', async () => {
  world.messenger.deliverRelayed('anna', ['ZAA=']);
  expect(anna.connection.take()).toEqual([['relay.frames', { frames: ['ZAA='] }]]);
  const back = await breakFor(anna, 1);
  world.messenger.deliverRelayed('anna', ['ZAE=']);
  expect(back.connection.take()).toEqual([['relay.frames', { frames: ['ZAE='] }]]);
  world.messenger.deliverRelayed('nobody', ['ZAE=']);
});
