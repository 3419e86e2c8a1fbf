import { beforeEach, describe, expect, it } from '@jest/globals';
import { FakeWorld } from './fake-world.fixture.js';

const credentials = (name: string, password = `password of ${name}`) => ({ name, password, deviceKey: 'key' });
const code = (code: string) => expect.objectContaining({ code });

let world: FakeWorld;
beforeEach(() => {
  world = new FakeWorld();
});

describe('register', () => {
  it('creates the account and logs in', async () => {
    const connection = world.connect();
    const { user, resumeToken } = await world.messenger.accounts.register(connection, credentials('anna'));
    expect(user).toBe('anna');
    expect(world.resumeTokens.rows.get(resumeToken)?.deviceKey).toBe('key');
    expect(world.userOn(connection)).toMatchObject({ name: 'anna', deviceKey: 'key', candidates: [] });
    expect(world.accounts.rows.get('anna')?.passwordHash).toBe('hash:password of anna');
  });

  it.each(['', 'a', 'Anna', '_anna', 'an na', 'änna', 'anna\n', '\u212Ala', 'a'.repeat(33), '__proto__'])(
    'refuses the name %j',
    async (name) => {
      await expect(world.messenger.accounts.register(world.connect(), credentials(name))).rejects.toEqual(
        code('NAME_INVALID'),
      );
      expect(world.accounts.rows.size).toBe(0);
    },
  );

  it.each([
    ['seven code points', '1234567'],
    ['seven code points of two units each', '😀'.repeat(7)],
    ['eight that NFC joins to seven', 'a\u0301234567'],
    ['1,025 code points', 'x'.repeat(1025)],
    ['half a surrogate pair', 'password\ud800'],
  ])('refuses a password of %s', async (_what, password) => {
    await expect(world.messenger.accounts.register(world.connect(), credentials('anna', password))).rejects.toEqual(
      code('PASSWORD_INVALID'),
    );
  });

  it.each([
    ['eight code points', '12345678'],
    ['1,024 code points beyond the basic plane', '😀'.repeat(1024)],
  ])('takes a password of %s', async (_what, password) => {
    await world.messenger.accounts.register(world.connect(), credentials('anna', password));
    expect(world.accounts.rows.has('anna')).toBe(true);
  });

  it('hashes the NFC form, so that one password typed in two ways is the same', async () => {
    await world.messenger.accounts.register(world.connect(), credentials('anna', 'pa\u0301ssword'));
    expect(world.accounts.rows.get('anna')?.passwordHash).toBe('hash:p\u00e1ssword');
  });

  it('lets one of two win who register the same name at the same time', async () => {
    world.passwords.hold();
    const both = [world.connect(), world.connect()].map((connection) =>
      world.messenger.accounts.register(connection, credentials('anna')),
    );
    await Promise.resolve();
    await Promise.resolve();
    world.passwords.release();
    const outcomes = await Promise.allSettled(both);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'NAME_TAKEN' } });
  });

  it('refuses a second login on a connection while the first is under way, and after it', async () => {
    const connection = world.connect();
    const first = world.messenger.accounts.register(connection, credentials('anna'));
    await expect(world.messenger.accounts.register(connection, credentials('berta'))).rejects.toEqual(
      code('ALREADY_LOGGED_IN'),
    );
    await first;
    expect([...world.accounts.rows.keys()]).toEqual(['anna']);
  });

  it('does not bring a user online whose connection closed meanwhile', async () => {
    const connection = world.connect();
    world.passwords.hold();
    const registered = world.messenger.accounts.register(connection, credentials('anna'));
    await Promise.resolve();
    expect(world.passwords.lastClient?.address).toBe(connection.address);
    expect(world.passwords.lastClient?.isGone()).toBe(false);
    world.messenger.disconnected(connection);
    expect(world.passwords.lastClient?.isGone()).toBe(true);
    world.passwords.release();
    await expect(registered).rejects.toEqual(code('NOT_LOGGED_IN'));
    expect(world.messenger.onlineUsers()).toEqual([]);
  });
});

describe('login', () => {
  it('answers a wrong password, an unknown name and an impossible name alike, after the same work', async () => {
    const anna = await world.join('anna');
    await world.messenger.accounts.logout(anna.user);
    for (const name of ['anna', 'nobody', 'No Such Name!', '__proto__']) {
      await expect(
        world.messenger.accounts.login(world.connect(), credentials(name, 'wrong password')),
      ).rejects.toEqual(
        expect.objectContaining({ code: 'BAD_CREDENTIALS', message: 'unknown name or wrong password' }),
      );
    }
    expect(world.passwords.verified).toEqual([
      ['wrong password', 'hash:password of anna'],
      ['wrong password', undefined],
      ['wrong password', undefined],
      ['wrong password', undefined],
    ]);
  });

  it('hashes no password that no account can have', async () => {
    await world.join('anna');
    for (const name of ['anna', 'nobody']) {
      await expect(world.messenger.accounts.login(world.connect(), credentials(name, 'short'))).rejects.toEqual(
        code('BAD_CREDENTIALS'),
      );
    }
    expect(world.passwords.verified).toEqual([]);
  });

  it('tells only who knows the password that the user is connected elsewhere', async () => {
    await world.join('anna');
    const { accounts } = world.messenger;
    await expect(accounts.login(world.connect(), credentials('anna', 'wrong password'))).rejects.toEqual(
      code('BAD_CREDENTIALS'),
    );
    await expect(accounts.login(world.connect(), credentials('anna'))).rejects.toEqual(code('ALREADY_CONNECTED'));
  });

  it('lets one of two logins at the same time in', async () => {
    const anna = await world.join('anna');
    await world.messenger.accounts.logout(anna.user);
    const outcomes = await Promise.allSettled(
      [world.connect(), world.connect()].map((connection) =>
        world.messenger.accounts.login(connection, credentials('anna')),
      ),
    );
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'ALREADY_CONNECTED' },
    });
  });

  it('makes a hash anew that cost too little work', async () => {
    const anna = await world.join('anna');
    await world.messenger.accounts.logout(anna.user);
    world.passwords.outdated = true;
    world.passwords.hold();
    await world.messenger.accounts.login(world.connect(), credentials('anna'));
    // The reply did not wait for it.
    expect(world.accounts.rows.get('anna')?.passwordHash).toBe('hash:password of anna');
    world.passwords.release();
    await world.background.ended();
    expect(world.accounts.rows.get('anna')?.passwordHash).toBe('new:password of anna');
  });

  it('is a new start: what a broken connection left behind is dropped', async () => {
    const [anna, berta] = await world.joinAll('anna', 'berta');
    await world.messenger.rooms.enter(anna.user, 'lobby');
    await world.messenger.rooms.enter(berta.user, 'lobby');
    world.breakConnection(berta);
    anna.connection.take();
    await world.messenger.accounts.login(world.connect(), credentials('berta'));
    expect(anna.connection.take()).toEqual([['room.left', { room: 'lobby', user: 'berta', reason: 'lost' }]]);
    expect(world.clock.pendingTimers).toBe(0);
  });
});

describe('resume', () => {
  it('brings a device back without its password', async () => {
    const anna = await world.join('anna');
    world.breakConnection(anna);
    expect(world.messenger.onlineUsers()).toEqual([]);
    const back = await world.resume(anna);
    expect(back.user).toMatchObject({ name: 'anna', deviceKey: 'anna device' });
  });

  it('takes over from a connection that still stands, which is told and closed', async () => {
    const anna = await world.join('anna');
    const back = await world.resume(anna);
    expect(anna.connection.take()).toEqual([['server.replaced', {}]]);
    expect(anna.connection.closed).toBe(true);
    world.messenger.disconnected(anna.connection);
    expect(world.messenger.userOn(back.connection)?.name).toBe('anna');
    expect(world.messenger.onlineUsers()).toHaveLength(1);
    expect(world.clock.pendingTimers).toBe(0);
  });

  it('takes nothing over from another device of the user', async () => {
    const laptop = await world.join('anna');
    world.breakConnection(laptop);
    const desktop = { ...laptop, connection: world.connect() };
    const { resumeToken } = await world.messenger.accounts.login(desktop.connection, {
      ...credentials('anna'),
      deviceKey: 'desktop',
    });
    await world.messenger.rooms.enter(world.userOn(desktop.connection), 'lobby');
    await expect(world.resume(laptop)).rejects.toEqual(code('ALREADY_CONNECTED'));
    expect(desktop.connection.closed).toBe(false);
    expect(desktop.connection.take()).toEqual([]);
    const again = await world.resume({ ...desktop, resumeToken });
    expect(desktop.connection.take()).toEqual([['server.replaced', {}]]);
    expect(await world.messenger.rooms.members('lobby')).toEqual(['anna']);

    // What a broken connection of the other device left behind is not this one's.
    world.breakConnection(again);
    const back = await world.resume(laptop);
    expect(back.user.deviceKey).toBe('anna device');
    expect(await world.messenger.rooms.members('lobby')).toEqual([]);
    expect(world.clock.pendingTimers).toBe(0);
  });

  it('keeps what the device published', async () => {
    const anna = await world.join('anna');
    const candidate = { kind: 'host', address: '192.0.2.9', port: 9 } as const;
    world.messenger.publish(anna.user, [candidate]);
    world.breakConnection(anna);
    expect((await world.resume(anna)).user.candidates).toEqual([candidate]);
  });

  it('refuses unknown, voided and old tokens', async () => {
    const anna = await world.join('anna');
    const refused = expect.objectContaining({ code: 'TOKEN_INVALID' });
    await expect(world.messenger.accounts.resume(world.connect(), 'unknown')).rejects.toEqual(refused);
    await world.messenger.accounts.logout(anna.user);
    await expect(world.resume(anna)).rejects.toEqual(refused);

    const berta = await world.join('berta');
    world.breakConnection(berta);
    world.clock.advance(30 * 24 * 3_600_000 + 1);
    await expect(world.resume(berta)).rejects.toEqual(refused);
  });

  it('renews a token by using it', async () => {
    let anna = await world.join('anna');
    for (let month = 0; month < 3; month += 1) {
      world.clock.advance(29 * 24 * 3_600_000);
      anna = await world.resume(anna);
    }
    await world.messenger.accounts.dropOldTokens();
    expect(world.resumeTokens.rows.size).toBe(1);
    world.clock.advance(31 * 24 * 3_600_000);
    await world.messenger.accounts.dropOldTokens();
    expect(world.resumeTokens.rows.size).toBe(0);
  });
});

describe('logout', () => {
  it('ends the sessions, leaves the rooms and leaves the connection to a stranger', async () => {
    const [anna, berta] = await world.joinAll('anna', 'berta');
    const called = world.messenger.openSession(anna.user, 'berta');
    world.messenger.answerCall(berta.user, 'anna', 'accept');
    const { id } = await called;
    await world.messenger.rooms.enter(anna.user, 'lobby');
    await world.messenger.rooms.enter(berta.user, 'lobby');
    berta.connection.take();
    await world.messenger.accounts.logout(anna.user);
    expect(berta.connection.take()).toEqual([
      ['session.closed', { peer: 'anna', id, reason: 'ended' }],
      ['room.left', { room: 'lobby', user: 'anna', reason: 'left' }],
    ]);
    expect(world.messenger.userOn(anna.connection)).toBeUndefined();
    expect(world.messenger.sessions()).toEqual([]);
    await world.messenger.accounts.login(anna.connection, credentials('anna'));
    expect(world.userOn(anna.connection).name).toBe('anna');
  });
});

describe('lists', () => {
  it('come in pages', async () => {
    await world.joinAll('dora', 'berta', 'anna', 'carla');
    const first = await world.messenger.accounts.page({ limit: 3 });
    expect(first).toEqual({
      items: ['anna', 'berta', 'carla'].map((name) => ({ name, online: true })),
      next: 'carla',
    });
    expect(await world.messenger.accounts.page({ after: 'carla', limit: 3 })).toEqual({
      items: [{ name: 'dora', online: true }],
      next: null,
    });
    expect(world.messenger.onlinePage({ limit: 2 })).toEqual({
      items: [
        { name: 'anna', door: 'native' },
        { name: 'berta', door: 'native' },
      ],
      next: 'berta',
    });
    expect(world.messenger.onlinePage({ after: 'b', limit: 3 }).next).toBeNull();
  });
});
