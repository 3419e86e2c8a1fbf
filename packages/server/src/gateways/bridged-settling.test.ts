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

describe('what was said', () => {
  let anna: Person;
  let old: OldUser;

  beforeEach(async () => {
    anna = await world.join('anna');
    old = await OldUser.join(world, 'mat0299');
  });

  /** Whether it has settled already, to be asked as often as one likes. */
  function settling(ms = 3_000): { isSettled: boolean } {
    const state = { isSettled: false };
    void old.bridged.settled(ms).then(() => {
      state.isSettled = true;
    });
    return state;
  }

  it('is settled when nothing was, or all is confirmed', async () => {
    await old.bridged.settled(3_000);
    const end = await opened(anna, old);
    await old.bridged.say('anna', 'one');
    await old.bridged.say('anna', 'two');
    expect(old.bridged.unconfirmed()).toEqual([{ peer: 'anna', count: 2 }]);
    const timers = world.clock.pendingTimers;
    const state = settling();
    end.read(false);
    await turn();
    expect(state.isSettled).toBe(false);
    for (const n of [1, 2]) {
      end.confirm();
      await turn();
      expect(state.isSettled).toBe(n === 2);
    }
    expect(old.bridged.unconfirmed()).toEqual([]);
    expect(world.clock.pendingTimers).toBe(timers);
  });

  it('is waited for no longer than allowed', async () => {
    await old.bridged.say('anna', 'one');
    const berta = await world.join('berta');
    await opened(berta, old);
    await old.bridged.say('berta', 'two');
    const state = settling();
    world.clock.advance(2_999);
    await turn();
    expect(state.isSettled).toBe(false);
    world.clock.advance(1);
    await turn();
    expect(state.isSettled).toBe(true);
    expect(old.bridged.unconfirmed()).toEqual([
      { peer: 'anna', count: 1 },
      { peer: 'berta', count: 1 },
    ]);
  });

  it.each([
    [
      'call is refused',
      () => {
        world.messenger.answerCall(anna.user, 'mat0299', 'decline');
        return turn();
      },
    ],
    [
      'session is closed',
      async () => {
        const id = world.messenger.answerCall(anna.user, 'mat0299', 'accept')?.id ?? '';
        await turn();
        expect(old.bridged.unconfirmed()).toEqual([{ peer: 'anna', count: 1 }]);
        world.messenger.closeSession(anna.user, 'mat0299', id, 'ended');
        await turn();
      },
    ],
    [
      'user goes',
      () => {
        old.bridged.leave('dropped');
        return turn();
      },
    ],
  ])('is settled when the %s', async (_, happens) => {
    await old.bridged.say('anna', 'one');
    const state = settling();
    await turn();
    expect(state.isSettled).toBe(false);
    await happens();
    expect(state.isSettled).toBe(true);
    expect(old.bridged.unconfirmed()).toEqual([]);
  });
});
