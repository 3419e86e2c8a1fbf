import { beforeEach, describe, expect, it } from '@jest/globals';
import { FakeWorld, type Person } from './fake-world.fixture.js';

let world: FakeWorld;
let anna: Person;
let berta: Person;

beforeEach(async () => {
  world = new FakeWorld();
  [anna, berta] = await world.joinAll('anna', 'berta');
});

const refusal = (code: string) => expect.objectContaining({ code });

async function inSession(): Promise<string> {
  const called = world.messenger.openSession(anna.user, 'berta');
  world.messenger.answerCall(berta.user, 'anna', 'accept');
  const { id } = await called;
  berta.connection.take();
  return id;
}

describe('calling', () => {
  it('rings, and an accepted call introduces both', async () => {
    world.messenger.publish(anna.user, [{ kind: 'host', address: '192.0.2.1', port: 1 }]);
    world.messenger.publish(berta.user, [{ kind: 'reflexive', address: '192.0.2.2', port: 2 }]);
    const called = world.messenger.openSession(anna.user, 'berta');
    expect(berta.connection.take()).toEqual([['session.incoming', { peer: 'anna', door: 'native' }]]);
    const toBerta = world.messenger.answerCall(berta.user, 'anna', 'accept');
    const toAnna = await called;
    expect(toAnna).toEqual({
      via: 'device',
      id: toBerta?.id,
      relay: { channel: 1, side: 0, token: expect.stringMatching(/^I/) },
      psk: toBerta && 'psk' in toBerta && toBerta.psk,
      role: 'initiator',
      peer: 'berta',
      deviceKey: 'berta device',
      candidates: [{ kind: 'reflexive', address: '192.0.2.2', port: 2 }],
    });
    expect(toBerta).toMatchObject({
      role: 'responder',
      peer: 'anna',
      deviceKey: 'anna device',
      candidates: [{ kind: 'host', address: '192.0.2.1', port: 1 }],
    });
    expect(world.messenger.sessions()).toEqual([{ users: ['anna', 'berta'], since: world.clock.now() }]);
    expect(world.clock.pendingTimers).toBe(0);
  });

  it.each([
    ['decline', 'DECLINED'],
    ['busy', 'BUSY'],
  ] as const)('passes the answer %s on', async (answer, code) => {
    const called = world.messenger.openSession(anna.user, 'berta');
    expect(world.messenger.answerCall(berta.user, 'anna', answer)).toBeNull();
    await expect(called).rejects.toEqual(refusal(code));
    expect(world.messenger.sessions()).toEqual([]);
  });

  it('stops after 30 s without an answer', async () => {
    const called = world.messenger.openSession(anna.user, 'berta');
    berta.connection.take();
    world.clock.advance(29_999);
    expect(berta.connection.take()).toEqual([]);
    world.clock.advance(1);
    await expect(called).rejects.toEqual(refusal('DECLINED'));
    expect(berta.connection.take()).toEqual([['session.cancelled', { peer: 'anna' }]]);
    expect(() => world.messenger.answerCall(berta.user, 'anna', 'accept')).toThrow(refusal('NO_CALLER'));
  });

  it('can be taken back', async () => {
    const called = world.messenger.openSession(anna.user, 'berta');
    berta.connection.take();
    world.messenger.cancelCall(anna.user, 'berta');
    await expect(called).rejects.toEqual(refusal('DECLINED'));
    expect(berta.connection.take()).toEqual([['session.cancelled', { peer: 'anna' }]]);
    expect(world.clock.pendingTimers).toBe(0);
  });

  it('ends when the caller vanishes while it rings', async () => {
    const called = world.messenger.openSession(anna.user, 'berta');
    berta.connection.take();
    world.breakConnection(anna);
    await expect(called).rejects.toEqual(refusal('DECLINED'));
    expect(berta.connection.take()).toEqual([['session.cancelled', { peer: 'anna' }]]);
  });

  it('ends when the callee vanishes while it rings', async () => {
    const called = world.messenger.openSession(anna.user, 'berta');
    world.breakConnection(berta);
    await expect(called).rejects.toEqual(refusal('USER_OFFLINE'));
  });

  it('ends when the callee logs out while it rings', async () => {
    const called = world.messenger.openSession(anna.user, 'berta');
    await Promise.all([
      world.messenger.accounts.logout(berta.user),
      expect(called).rejects.toEqual(refusal('USER_OFFLINE')),
    ]);
  });

  it('rings on at the new connection of a callee that was never offline', async () => {
    const called = world.messenger.openSession(anna.user, 'berta');
    const back = await world.resume(berta);
    // The reply to the resume goes out before.
    expect(back.connection.take()).toEqual([]);
    world.clock.advance(0);
    expect(back.connection.take()).toEqual([['session.incoming', { peer: 'anna', door: 'native' }]]);
    world.messenger.answerCall(back.user, 'anna', 'accept');
    expect((await called).peer).toBe('berta');
  });

  it('does not ring on when it ended before the reply', async () => {
    const called = world.messenger.openSession(anna.user, 'berta');
    const back = await world.resume(berta);
    world.messenger.cancelCall(anna.user, 'berta');
    await expect(called).rejects.toEqual(refusal('DECLINED'));
    world.clock.advance(0);
    expect(back.connection.take()).toEqual([['session.cancelled', { peer: 'anna' }]]);
  });

  it('ends with the connection that made it, also when another takes over', async () => {
    const called = world.messenger.openSession(anna.user, 'berta');
    berta.connection.take();
    await Promise.all([world.resume(anna), expect(called).rejects.toEqual(refusal('DECLINED'))]);
    expect(berta.connection.take()).toEqual([['session.cancelled', { peer: 'anna' }]]);
  });

  it('joins two who call each other; the first caller begins the handshake', async () => {
    const first = world.messenger.openSession(anna.user, 'berta');
    const second = world.messenger.openSession(berta.user, 'anna');
    expect(await first).toMatchObject({ peer: 'berta', role: 'initiator' });
    expect(await second).toMatchObject({ peer: 'anna', role: 'responder', id: (await first).id });
    expect(world.messenger.sessions()).toHaveLength(1);
    expect(() => world.messenger.answerCall(berta.user, 'anna', 'accept')).toThrow(refusal('NO_CALLER'));
    expect(world.clock.pendingTimers).toBe(0);
  });

  it('made twice waits for one answer', async () => {
    const calls = [world.messenger.openSession(anna.user, 'berta'), world.messenger.openSession(anna.user, 'berta')];
    expect(berta.connection.take()).toHaveLength(1);
    world.messenger.answerCall(berta.user, 'anna', 'accept');
    const [one, two] = await Promise.all(calls);
    expect(one).toEqual(two);
  });

  it('of oneself, of nobody and of one who is away is refused', async () => {
    await expect(world.messenger.openSession(anna.user, 'anna')).rejects.toEqual(refusal('SELF'));
    for (const name of ['nobody', 'Not A Name', '', '__proto__', 'Berta']) {
      await expect(world.messenger.openSession(anna.user, name)).rejects.toEqual(refusal('UNKNOWN_USER'));
    }
    world.breakConnection(berta);
    await expect(world.messenger.openSession(anna.user, 'berta')).rejects.toEqual(refusal('USER_OFFLINE'));
  });

  it('ends for all when the server stops', async () => {
    const called = world.messenger.openSession(anna.user, 'berta');
    berta.connection.take();
    world.messenger.stop();
    await expect(called).rejects.toEqual(refusal('SERVER_SHUTDOWN'));
    expect(berta.connection.take()).toEqual([['server.shutdown', {}]]);
    world.breakConnection(anna);
    world.breakConnection(berta);
    expect(world.clock.pendingTimers).toBe(0);
  });
});

describe('a session', () => {
  it('is replaced by a new one of the same pair, without a word', async () => {
    await inSession();
    world.clock.advance(1_000);
    const again = world.messenger.openSession(berta.user, 'anna');
    anna.connection.take();
    world.messenger.answerCall(anna.user, 'berta', 'accept');
    await again;
    expect(world.messenger.sessions()).toEqual([{ users: ['anna', 'berta'], since: world.clock.now() }]);
    expect(anna.connection.take()).toEqual([]);
    expect(berta.connection.take()).toEqual([]);
  });

  it('is ended by either side; the other hears why, once', async () => {
    const id = await inSession();
    world.messenger.closeSession(anna.user, 'berta', id, 'NO_PATH');
    world.messenger.closeSession(anna.user, 'berta', id, 'NO_PATH');
    expect(berta.connection.take()).toEqual([['session.closed', { peer: 'anna', id, reason: 'NO_PATH' }]]);
    expect(world.messenger.sessions()).toEqual([]);
  });

  it('that does not exist can be closed without effect', () => {
    const id = 'ab'.repeat(16);
    for (const peer of ['berta', 'nobody', '', 'anna']) world.messenger.closeSession(anna.user, peer, id, 'ended');
    expect(berta.connection.take()).toEqual([]);
  });

  it('is not ended by a late word about an older one, nor by taking back a call', async () => {
    const old = await inSession();
    await inSession();
    world.messenger.closeSession(anna.user, 'berta', old, 'ended');
    world.messenger.cancelCall(anna.user, 'berta');
    expect(world.messenger.sessions()).toHaveLength(1);
    expect(berta.connection.take()).toEqual([]);
  });

  it('does not end with a call that is taken back, which rings for a new one', async () => {
    const id = await inSession();
    const called = world.messenger.openSession(anna.user, 'berta');
    world.messenger.closeSession(anna.user, 'berta', id, 'ended');
    expect(world.messenger.sessions()).toEqual([]);
    world.messenger.answerCall(berta.user, 'anna', 'accept');
    expect((await called).id).not.toBe(id);
    expect(world.messenger.sessions()).toHaveLength(1);
  });

  it('outlives a broken connection for the grace, then is dropped without a word', async () => {
    await inSession();
    world.breakConnection(anna);
    world.clock.advance(59_999);
    expect(world.messenger.sessions()).toHaveLength(1);
    world.clock.advance(1);
    expect(world.messenger.sessions()).toEqual([]);
    expect(berta.connection.take()).toEqual([]);
  });

  it.each(['anna', 'berta'])('is there again when the user comes back too late, if %s was away', async (name) => {
    const id = await inSession();
    const [gone, stayed] = name === 'anna' ? [anna, berta] : [berta, anna];
    world.breakConnection(gone);
    world.clock.advance(60_000);
    const back = await world.resume(gone);
    expect(world.messenger.sessions()).toEqual([]);
    world.messenger.restoreSession(back.user, stayed.name, id);
    expect(world.messenger.sessions().map(({ users }) => users)).toEqual([['anna', 'berta']]);
    expect(stayed.connection.take()).toEqual([]);
  });

  it('can be ended by the user who came back too late', async () => {
    const id = await inSession();
    world.breakConnection(anna);
    world.clock.advance(60_000);
    const back = await world.resume(anna);
    world.messenger.closeSession(back.user, 'berta', 'cd'.repeat(16), 'ended');
    expect(berta.connection.take()).toEqual([]);
    world.messenger.closeSession(back.user, 'berta', id, 'ended');
    expect(berta.connection.take()).toEqual([['session.closed', { peer: 'anna', id, reason: 'ended' }]]);
    world.messenger.restoreSession(back.user, 'berta', id);
    expect(world.messenger.sessions()).toEqual([]);
  });

  it('that the other has ended does not come back', async () => {
    const id = await inSession();
    world.breakConnection(anna);
    world.clock.advance(60_000);
    world.messenger.closeSession(berta.user, 'anna', id, 'ended');
    const back = await world.resume(anna);
    world.messenger.restoreSession(back.user, 'berta', id);
    expect(world.messenger.sessions()).toEqual([]);
  });

  it('of which both were away needs the word of both again', async () => {
    const id = await inSession();
    world.breakConnection(anna);
    world.breakConnection(berta);
    world.clock.advance(60_000);
    const back = await world.resume(anna);
    world.messenger.restoreSession(back.user, 'berta', id);
    expect(world.messenger.sessions()).toEqual([]);
    world.messenger.restoreSession((await world.resume(berta)).user, 'anna', id);
    expect(world.messenger.sessions()).toHaveLength(1);
  });

  it('stays when its user comes back in time', async () => {
    await inSession();
    world.breakConnection(anna);
    world.clock.advance(30_000);
    await world.resume(anna);
    world.clock.advance(120_000);
    expect(world.messenger.sessions()).toHaveLength(1);
  });
});

describe('restoring a session', () => {
  const id = 'ab'.repeat(16);

  it('needs the word of both', () => {
    world.messenger.restoreSession(anna.user, 'berta', id);
    world.messenger.restoreSession(anna.user, 'berta', id);
    expect(world.messenger.sessions()).toEqual([]);
    world.messenger.restoreSession(berta.user, 'anna', 'cd'.repeat(16));
    expect(world.messenger.sessions()).toEqual([]);
    world.messenger.restoreSession(berta.user, 'anna', id);
    expect(world.messenger.sessions()).toHaveLength(1);
  });

  it('does not replace a session the server knows of', async () => {
    await inSession();
    const [before] = world.messenger.sessions();
    world.clock.advance(5);
    world.messenger.restoreSession(anna.user, 'berta', id);
    world.messenger.restoreSession(berta.user, 'anna', id);
    expect(world.messenger.sessions()).toEqual([before]);
  });

  it('is not possible with oneself', () => {
    world.messenger.restoreSession(anna.user, 'anna', id);
    world.messenger.restoreSession(anna.user, 'anna', id);
    expect(world.messenger.sessions()).toEqual([]);
  });

  it('forgets the word of one who went away again, or who closed the session', () => {
    world.messenger.restoreSession(anna.user, 'berta', id);
    world.messenger.closeSession(anna.user, 'berta', id, 'ended');
    world.messenger.restoreSession(berta.user, 'anna', id);
    expect(world.messenger.sessions()).toEqual([]);
    world.breakConnection(berta);
    world.messenger.restoreSession(anna.user, 'berta', id);
    expect(world.messenger.sessions()).toEqual([]);
  });

  it('is over when the two begin a newer one', async () => {
    world.messenger.restoreSession(anna.user, 'berta', id);
    const newer = await inSession();
    world.messenger.closeSession(anna.user, 'berta', newer, 'ended');
    world.messenger.restoreSession(berta.user, 'anna', id);
    expect(world.messenger.sessions()).toEqual([]);
  });

  it('remembers a bounded number of claims', async () => {
    for (let index = 0; index < 300; index += 1) world.messenger.restoreSession(anna.user, `peer-${String(index)}`, id);
    const early = await world.join('peer-0');
    const late = await world.join('peer-299');
    world.messenger.restoreSession(early.user, 'anna', id);
    world.messenger.restoreSession(late.user, 'anna', id);
    expect(world.messenger.sessions().map(({ users }) => users)).toEqual([['anna', 'peer-299']]);
  });
});
