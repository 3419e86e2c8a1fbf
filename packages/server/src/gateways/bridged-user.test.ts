import { beforeEach, describe, expect, it } from '@jest/globals';
import { FakeWorld, type Person } from '../domain/fake-world.fixture.js';
import { DeviceEnd, OldUser } from './bridged-people.fixture.js';

let world: FakeWorld;

beforeEach(() => {
  world = new FakeWorld();
});

async function opened(person: Person, old: OldUser): Promise<DeviceEnd> {
  const { id } = await world.messenger.openSession(person.user, old.bridged.name);
  const end = new DeviceEnd(world, person, old.bridged.name, id);
  end.flush(true);
  old.take();
  return end;
}

/** Lets promises that are ready go on. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const refusal = (code: string) => expect.objectContaining({ code });

describe('names', () => {
  it('are one for all: of accounts, of others behind gateways, of devices that may come back', async () => {
    const anna = await world.join('anna');
    const berta = await world.join('berta');
    await world.messenger.accounts.logout(berta.user);
    world.breakConnection(anna);
    await OldUser.join(world, 'mat0299');
    for (const name of ['anna', 'berta', 'mat0299']) {
      await expect(OldUser.join(world, name)).rejects.toEqual(refusal('NAME_TAKEN'));
    }
    await expect(world.join('mat0299')).rejects.toEqual(refusal('NAME_TAKEN'));
    await expect(OldUser.join(world, 'mat@lab')).rejects.toEqual(refusal('NAME_INVALID'));
    await world.join('alice');
    // With a capital I, shown as it was typed.
    await expect(OldUser.join(world, 'aIice')).rejects.toEqual(refusal('NAME_TAKEN'));
    expect((await OldUser.join(world, 'Ina')).bridged.name).toBe('ina');
  });

  it('are free at once when their user leaves', async () => {
    const old = await OldUser.join(world, 'mat0299');
    old.bridged.leave('dropped');
    await world.join('mat0299');
  });

  it('are those that all can see, with the door', async () => {
    await world.join('anna');
    await OldUser.join(world, 'mat0299');
    await OldUser.join(world, 'zed', 'peer');
    expect(world.messenger.onlinePage({}).items).toEqual([
      { name: 'anna', door: 'native' },
      { name: 'mat0299', door: 'line' },
      { name: 'zed', door: 'peer' },
    ]);
    expect(world.messenger.onlineUsers()).toContainEqual(
      expect.objectContaining({ name: 'zed', address: '127.0.0.1', port: 5 }),
    );
    expect((await world.messenger.accounts.page({})).items).toEqual([{ name: 'anna', online: true }]);
  });

  it('of two who come at the same moment, one gets it', async () => {
    const results = await Promise.allSettled([
      world.join('mat0299'),
      OldUser.join(world, 'mat0299'),
      OldUser.join(world, 'mat0299'),
    ]);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});

describe('a device calls', () => {
  it('and both talk; a receipt says that the old client has it', async () => {
    const anna = await world.join('anna');
    const old = await OldUser.join(world, 'mat0299');
    const introduction = await world.messenger.openSession(anna.user, 'mat0299');
    expect(introduction).toEqual({ via: 'gateway', id: introduction.id, peer: 'mat0299', door: 'line' });
    expect(old.take()).toEqual([
      ['called', 'anna'],
      ['opened', 'anna'],
    ]);
    const end = new DeviceEnd(world, anna, 'mat0299', introduction.id);
    end.flush(true);
    old.held = [];
    const id = end.say('hello');
    expect(old.take()).toEqual([['text', 'anna', null, 'hello']]);
    end.read();
    expect(end.receipts).toEqual([]);
    old.held.forEach((delivered) => {
      delivered();
    });
    end.read();
    expect(end.receipts).toEqual([id]);
    await old.bridged.say('anna', 'good day');
    await old.bridged.say('anna', 'to you');
    end.read();
    expect(end.texts).toEqual(['mat0299 1: good day', 'mat0299 2: to you']);
    world.messenger.closeSession(anna.user, 'mat0299', introduction.id, 'ended');
    expect(old.take()).toEqual([['closed', 'anna', 'ended', 0]]);
  });

  it.each([
    ['BUSY', 'BUSY'],
    ['DECLINED', 'DECLINED'],
    ['NO_PATH', 'NO_PATH'],
  ] as const)('and is told %s', async (why, code) => {
    const anna = await world.join('anna');
    const old = await OldUser.join(world, 'mat0299');
    old.answers = false;
    const called = world.messenger.openSession(anna.user, 'mat0299');
    old.bridged.refuse('anna', why);
    await expect(called).rejects.toEqual(refusal(code));
    old.bridged.refuse('anna', why);
    old.bridged.accept('anna');
    expect(old.take()).toEqual([['called', 'anna']]);
  });

  it('anew, when it has lost the session: what it did not confirm counts as lost', async () => {
    const anna = await world.join('anna');
    const old = await OldUser.join(world, 'mat0299');
    await opened(anna, old);
    await old.bridged.say('anna', 'one');
    const again = await world.messenger.openSession(anna.user, 'mat0299');
    expect(old.take()).toEqual([
      ['called', 'anna'],
      ['closed', 'anna', 'ended', 1],
      ['opened', 'anna'],
    ]);
    const end = new DeviceEnd(world, anna, 'mat0299', again.id);
    end.flush(true);
    await old.bridged.say('anna', 'two');
    end.read();
    expect(end.texts).toEqual(['mat0299 1: two']);
  });

  it('and learns why it ends', async () => {
    const anna = await world.join('anna');
    for (const [how, reason] of [
      ['ended', 'ended'],
      ['dropped', 'PEER_LOST'],
    ] as const) {
      const old = await OldUser.join(world, 'mat0299');
      await opened(anna, old);
      anna.connection.take();
      old.bridged.leave(how);
      expect(anna.connection.take()).toEqual([
        ['session.closed', expect.objectContaining({ peer: 'mat0299', reason })],
      ]);
      expect(world.messenger.sessions()).toEqual([]);
    }
  });
});

describe('a gateway user says something', () => {
  it('to a device, which is called first; the texts wait for the answer', async () => {
    const anna = await world.join('anna');
    const old = await OldUser.join(world, 'mat0299');
    anna.connection.take();
    await old.bridged.say('anna', 'one');
    await old.bridged.say('anna', 'two');
    expect(anna.connection.take()).toEqual([['session.incoming', { peer: 'mat0299', door: 'line' }]]);
    const introduction = world.messenger.answerCall(anna.user, 'mat0299', 'accept');
    await turn();
    const end = new DeviceEnd(world, anna, 'mat0299', introduction?.id ?? '');
    end.flush(true);
    end.read();
    expect(end.texts).toEqual(['mat0299 1: one', 'mat0299 2: two']);
    expect(old.take()).toEqual([['opened', 'anna']]);
  });

  it.each([
    ['busy', 'BUSY'],
    ['decline', 'DECLINED'],
  ] as const)('to one who answers %s', async (answer, code) => {
    const anna = await world.join('anna');
    const old = await OldUser.join(world, 'mat0299');
    await old.bridged.say('anna', 'one');
    await old.bridged.say('anna', 'two');
    world.messenger.answerCall(anna.user, 'mat0299', answer);
    await turn();
    expect(old.take()).toEqual([['refused', 'anna', code, 2]]);
  });

  it('to nobody, to one who is offline, to itself, or nothing', async () => {
    const anna = await world.join('anna');
    await world.messenger.accounts.logout(anna.user);
    const old = await OldUser.join(world, 'mat0299');
    await expect(old.bridged.say('nobody', 'x')).rejects.toEqual(refusal('UNKNOWN_USER'));
    await expect(old.bridged.say('anna', 'x')).rejects.toEqual(refusal('USER_OFFLINE'));
    await expect(old.bridged.say('mat0299', 'x')).rejects.toEqual(refusal('SELF'));
    await expect(old.bridged.say('anna', '')).rejects.toEqual(refusal('TEXT_INVALID'));
    await expect(old.bridged.say('anna', '\u001b[31m')).rejects.toEqual(refusal('TEXT_INVALID'));
    expect(old.take()).toEqual([]);
  });

  it('to another behind a gateway, either way', async () => {
    const line = await OldUser.join(world, 'mat0299');
    const peer = await OldUser.join(world, 'zed', 'peer');
    await line.bridged.say('zed', 'hello');
    await turn();
    await peer.bridged.say('mat0299', 'good day');
    await line.bridged.say('zed', 'how are you?');
    expect(peer.take()).toEqual([
      ['called', 'mat0299'],
      ['opened', 'mat0299'],
      ['text', 'mat0299', null, 'hello'],
      ['text', 'mat0299', null, 'how are you?'],
    ]);
    expect(line.take()).toEqual([
      ['opened', 'zed'],
      ['text', 'zed', null, 'good day'],
    ]);
    peer.bridged.close('mat0299');
    expect(line.take()).toEqual([['closed', 'zed', 'ended', 0]]);
  });

  it('and waits while the other takes nothing in; in the end the session is over', async () => {
    const anna = await world.join('anna');
    const old = await OldUser.join(world, 'mat0299');
    const end = await opened(anna, old);
    const text = 'x'.repeat(16_000);
    let said = 0;
    const saying = (async () => {
      for (;;) {
        await old.bridged.say('anna', text);
        said += 1;
      }
    })();
    await turn();
    const before = said;
    expect(before).toBeGreaterThan(5);
    expect(before).toBeLessThan(30);
    end.read();
    await turn();
    expect(said).toBeGreaterThan(before);
    world.clock.advance(60_000);
    await expect(saying).rejects.toEqual(refusal('USER_OFFLINE'));
    expect(old.take()).toContainEqual(['closed', 'anna', 'PEER_LOST', expect.any(Number)]);
    expect(anna.connection.take()).toContainEqual(['session.closed', expect.objectContaining({ reason: 'PEER_LOST' })]);
  });
});

describe('a control connection that breaks', () => {
  it('loses nothing and doubles nothing, in either direction', async () => {
    let anna = await world.join('anna');
    const old = await OldUser.join(world, 'mat0299');
    const { id } = await world.messenger.openSession(anna.user, 'mat0299');
    let end = new DeviceEnd(world, anna, 'mat0299', id);
    end.flush(true);
    old.take();
    await old.bridged.say('anna', 'one');
    end.read();
    await old.bridged.say('anna', 'two');
    end.say('eins', { isAnswerLost: true });
    // What was on its way to the device is lost with the connection.
    world.breakConnection(anna);
    await old.bridged.say('anna', 'three');
    const { stream, texts } = end;
    anna = await world.resume(anna);
    end = Object.assign(new DeviceEnd(world, anna, 'mat0299', id), { stream, texts });
    stream.rewind();
    end.flush(true);
    end.read();
    expect(end.texts).toEqual(['mat0299 1: one', 'mat0299 2: two', 'mat0299 3: three']);
    expect(old.take()).toEqual([['text', 'anna', null, 'eins']]);
  });

  it('for too long ends the session', async () => {
    const anna = await world.join('anna');
    const old = await OldUser.join(world, 'mat0299');
    await opened(anna, old);
    await old.bridged.say('anna', 'one');
    world.breakConnection(anna);
    world.clock.advance(60_000);
    expect(old.take()).toEqual([['closed', 'anna', 'PEER_LOST', 1]]);
  });
});

describe('rooms', () => {
  it('are entered, not opened', async () => {
    const old = await OldUser.join(world, 'mat0299');
    await expect(old.bridged.enterRoom('lobby')).rejects.toEqual(refusal('UNKNOWN_ROOM'));
    await expect(old.bridged.enterRoom('No Room')).rejects.toEqual(refusal('UNKNOWN_ROOM'));
    expect(() => {
      old.bridged.sayInRoom('x');
    }).toThrow(refusal('NO_CONVERSATION'));
    expect(world.rooms.rows.size).toBe(0);
  });

  it('hold devices and users of older systems together', async () => {
    const [anna, berta] = await world.joinAll('anna', 'berta');
    const { id } = await world.messenger.rooms.enter(anna.user, 'lobby');
    const line = await OldUser.join(world, 'mat0299');
    const other = await OldUser.join(world, 'brb5678');
    expect(await line.bridged.enterRoom('lobby')).toEqual(['anna', 'mat0299']);
    expect(await other.bridged.enterRoom('lobby')).toEqual(['anna', 'brb5678', 'mat0299']);
    expect(anna.connection.take()).toContainEqual([
      'room.joined',
      {
        room: 'lobby',
        user: 'mat0299',
        introduction: { via: 'gateway', id: expect.any(String), peer: 'mat0299', door: 'line' },
      },
    ]);
    const { introductions } = await world.messenger.rooms.enter(berta.user, 'lobby');
    expect(introductions).toEqual([
      expect.objectContaining({ via: 'device', peer: 'anna' }),
      expect.objectContaining({ via: 'gateway', peer: 'mat0299' }),
      expect.objectContaining({ via: 'gateway', peer: 'brb5678' }),
    ]);
    const end = new DeviceEnd(world, berta, 'mat0299', id);
    end.flush(true);
    end.say('hello');
    line.bridged.sayInRoom('good day');
    end.read();
    expect(end.texts).toEqual(['mat0299 1: good day']);
    expect(line.take()).toEqual([
      ['room', 'lobby', 'joined', 'brb5678'],
      ['room', 'lobby', 'joined', 'berta'],
      ['text', 'berta', 'lobby', 'hello'],
    ]);
    expect(other.take()).toEqual([
      ['room', 'lobby', 'joined', 'berta'],
      ['text', 'mat0299', 'lobby', 'good day'],
    ]);
    await line.bridged.leaveRoom();
    expect(line.bridged.room).toBeNull();
    expect(other.take()).toEqual([['room', 'lobby', 'left', 'mat0299']]);
    expect(() => {
      end.say('too late');
    }).toThrow(refusal('NO_CONVERSATION'));
    await world.messenger.rooms.close(anna.user, 'lobby');
    expect(other.take()).toEqual([['room', 'lobby', 'closed', null]]);
  });

  it('are entered only once by who enters twice, and all is as it was', async () => {
    const anna = await world.join('anna');
    const { id } = await world.messenger.rooms.enter(anna.user, 'lobby');
    const line = await OldUser.join(world, 'mat0299');
    const other = await OldUser.join(world, 'brb5678', 'peer');
    await line.bridged.enterRoom('lobby');
    await other.bridged.enterRoom('lobby');
    const end = new DeviceEnd(world, anna, 'mat0299', id);
    end.flush(true);
    end.say('one');
    line.bridged.sayInRoom('good day');
    other.bridged.sayInRoom('hello');
    end.read();
    line.take();
    other.take();
    for (let times = 0; times < 2; times += 1) {
      expect(await line.bridged.enterRoom('lobby')).toEqual(['anna', 'brb5678', 'mat0299']);
    }
    expect(line.bridged.room).toBe('lobby');
    expect(anna.connection.take()).toEqual([]);
    end.say('two');
    line.bridged.sayInRoom('still here');
    other.bridged.sayInRoom('so am I');
    end.read();
    expect(end.texts).toEqual(['mat0299 1: good day', 'mat0299 2: still here']);
    expect(end.receipts).toHaveLength(2);
    expect(line.take()).toEqual([
      ['text', 'anna', 'lobby', 'two'],
      ['text', 'brb5678', 'lobby', 'so am I'],
    ]);
    expect(other.take()).toEqual([['text', 'mat0299', 'lobby', 'still here']]);
  });

  it('are left for another, and told in order to one who enters while others do', async () => {
    const [anna, berta] = await world.joinAll('anna', 'berta');
    await world.messenger.rooms.enter(anna.user, 'lobby');
    await world.messenger.rooms.enter(anna.user, 'attic');
    const line = await OldUser.join(world, 'mat0299');
    await line.bridged.enterRoom('lobby');
    await Promise.all([
      line.bridged.enterRoom('attic'),
      world.messenger.rooms.enter(berta.user, 'attic'),
      world.messenger.rooms.leave(anna.user, 'attic'),
    ]);
    expect(line.take()).toEqual([
      ['room', 'attic', 'joined', 'berta'],
      ['room', 'attic', 'left', 'anna'],
    ]);
    expect(await world.messenger.rooms.members('lobby')).toEqual(['anna']);
  });
});

describe('hostile peers', () => {
  it.each([
    [
      'frames that are no frames',
      (end: DeviceEnd) => {
        end.stream.push('AQ==');
      },
    ],
    ['a text of somebody else', (end: DeviceEnd) => end.say('x', { sender: 'berta' })],
  ])('%s are refused', async (_, misbehave) => {
    const anna = await world.join('anna');
    const old = await OldUser.join(world, 'mat0299');
    const end = await opened(anna, old);
    expect(() => {
      misbehave(end);
      end.flush();
    }).toThrow(refusal('INVALID_PARAMS'));
    expect(old.take()).toEqual([]);
  });

  it('cannot speak into conversations of others, nor to devices', async () => {
    const [anna, berta, carla] = await world.joinAll('anna', 'berta', 'carla');
    const old = await OldUser.join(world, 'mat0299');
    const { id } = await world.messenger.openSession(anna.user, 'mat0299');
    expect(() => {
      new DeviceEnd(world, berta, 'mat0299', id).say('x');
    }).toThrow(refusal('NO_CONVERSATION'));
    const called = world.messenger.openSession(berta.user, 'carla');
    world.messenger.answerCall(carla.user, 'berta', 'accept');
    const direct = await called;
    for (const carlaIsAway of [false, true]) {
      if (carlaIsAway) world.breakConnection(carla);
      expect(() => {
        new DeviceEnd(world, berta, 'carla', direct.id).say('x');
      }).toThrow(refusal('NO_CONVERSATION'));
    }
    expect(old.take()).not.toContainEqual(['text', expect.anything(), null, 'x']);
  });
});
