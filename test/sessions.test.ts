import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { killAll, mains, Program } from './programs.js';
import { password, withCode, World } from './world.js';

let world: World;
beforeEach(async () => {
  world = new World();
  await world.startServer();
});
afterEach(async () => {
  await killAll();
  await world.close();
});

describe('a session', () => {
  it('carries messages both ways, numbered, confirmed, in order', async () => {
    const alice = await world.member('alice');
    const bob = await world.member('bob');
    expect(await alice.client.open('bob')).toEqual({ peer: 'bob', path: 'direct' });
    await bob.next('session', { peer: 'alice', state: 'incoming' });
    await bob.next('session', { peer: 'alice', state: 'opened' });
    await alice.next('session', { peer: 'bob', state: 'opened' });

    const id = await alice.say('hello', 'bob');
    const heard = await bob.next('message');
    expect(heard).toEqual({ event: 'message', from: 'alice', room: null, text: 'hello', id, seq: 1, at: heard.at });
    expect(Math.abs(Date.parse(heard.at) - Date.now())).toBeLessThan(60_000);
    await bob.say('hi', 'alice');
    expect(await alice.next('message')).toMatchObject({ from: 'bob', text: 'hi', seq: 1 });

    for (let n = 2; n <= 2000; n += 1) await alice.client.send(`number ${String(n)}`);
    for (let n = 2; n <= 2000; n += 1)
      expect(await bob.next('message')).toMatchObject({ seq: n, text: `number ${String(n)}` });
    expect(alice.client.status().conversation).toMatchObject({ kind: 'user', name: 'bob', path: 'direct' });
    expect(alice.client.status().conversation?.rttMs).toBeGreaterThan(0);
  });

  it('takes texts of any script up to 16 KiB, and no others', async () => {
    const alice = await world.member('alice');
    const bob = await world.member('bob');
    await alice.client.open('bob');
    const longest = '😀'.repeat(4096);
    await alice.say(longest, 'bob');
    expect((await bob.next('message')).text).toBe(longest);
    for (const text of ['', `${longest}x`, 'bell \u0007', '\ud800']) {
      await expect(alice.client.send(text)).rejects.toMatchObject(withCode('TEXT_INVALID'));
    }
    await alice.say('still here', 'bob');
    expect(await bob.next('message')).toMatchObject({ text: 'still here', seq: 2 });
  });

  it('ends for both when one leaves, after all was delivered', async () => {
    const alice = await world.member('alice');
    const bob = await world.member('bob');
    await alice.client.open('bob');
    for (let n = 0; n < 100; n += 1) await alice.client.send(String(n));
    await alice.client.leave();
    await alice.next('session', { peer: 'bob', state: 'closed', reason: 'ended' });
    await bob.next('session', { peer: 'alice', state: 'closed', reason: 'ended' });
    expect(bob.unseen.filter(({ event }) => event === 'message')).toHaveLength(100);
    expect(alice.saw('receipt', { state: 'failed' })).toBe(false);
    expect(alice.client.status().conversation).toBeNull();
    expect(bob.client.status().conversation).toBeNull();
    await expect(alice.client.send('x')).rejects.toMatchObject(withCode('NO_CONVERSATION'));
    await expect(alice.client.leave()).rejects.toMatchObject(withCode('NO_CONVERSATION'));
  });

  it('is refused with the reason', async () => {
    const alice = await world.member('alice');
    const bob = await world.member('bob', { accept: 'never' });
    const carol = await world.member('carol');
    const dave = await world.member('dave');
    await expect(alice.client.open('alice')).rejects.toMatchObject(withCode('SELF'));
    await expect(alice.client.open('nobody')).rejects.toMatchObject(withCode('UNKNOWN_USER'));
    await expect(alice.client.open('Bob')).rejects.toMatchObject(withCode('UNKNOWN_USER'));
    await expect(alice.client.open('bob')).rejects.toMatchObject(withCode('DECLINED'));
    await carol.client.open('dave');
    await dave.next('session', { state: 'opened' });
    await expect(alice.client.open('carol')).rejects.toMatchObject(withCode('BUSY'));
    await expect(alice.client.open('dave')).rejects.toMatchObject(withCode('BUSY'));
    await carol.client.leave();
    await carol.client.enter('lab');
    await expect(alice.client.open('carol')).rejects.toMatchObject(withCode('BUSY'));
    await dave.client.disconnect();
    await expect(alice.client.open('dave')).rejects.toMatchObject(withCode('USER_OFFLINE'));
    expect(bob.saw('session')).toBe(false);
  });

  it('replaces the one before, which is left first', async () => {
    const alice = await world.member('alice');
    const bob = await world.member('bob');
    const carol = await world.member('carol');
    await alice.client.open('bob');
    await alice.client.open('carol');
    await bob.next('session', { peer: 'alice', state: 'closed' });
    await carol.next('session', { peer: 'alice', state: 'opened' });
    await alice.client.enter('lab');
    await carol.next('session', { peer: 'alice', state: 'closed' });
    await alice.client.open('bob');
    expect(await bob.client.roomMembers('lab')).toEqual({ room: 'lab', members: [] });
    expect(alice.client.status().conversation).toMatchObject({ kind: 'user', name: 'bob' });
  });

  it('can be asked for, accepted and declined', async () => {
    const alice = await world.member('alice');
    const bob = await world.member('bob', { accept: 'ask' });
    await expect(bob.client.accept()).rejects.toMatchObject(withCode('NO_CALLER'));
    const first = alice.client.open('bob');
    await bob.next('session', { peer: 'alice', state: 'incoming' });
    await expect((await world.member('carol')).client.open('bob')).rejects.toMatchObject(withCode('BUSY'));
    expect(await bob.client.accept()).toEqual({ peer: 'alice', path: 'direct' });
    expect(await first).toEqual({ peer: 'bob', path: 'direct' });
    await alice.client.leave();
    await bob.next('session', { peer: 'alice', state: 'closed' });

    const second = alice.client.open('bob');
    await bob.next('session', { peer: 'alice', state: 'incoming' });
    await Promise.all([bob.client.decline(), expect(second).rejects.toMatchObject(withCode('DECLINED'))]);
  });

  it('that nobody answers is declined after its time', async () => {
    const alice = await world.member('alice');
    const bob = await world.member('bob', { accept: 'ask' }, { ringMs: 100 });
    await expect(alice.client.open('bob')).rejects.toMatchObject(withCode('DECLINED'));
    await bob.next('session', { peer: 'alice', state: 'closed', reason: 'DECLINED' });
    await expect(bob.client.accept()).rejects.toMatchObject(withCode('NO_CALLER'));
  });

  it('can be given up while it rings', async () => {
    const alice = await world.member('alice');
    const bob = await world.member('bob', { accept: 'ask' });
    const stop = new AbortController();
    const call = alice.client.open('bob', { signal: stop.signal });
    await bob.next('session', { peer: 'alice', state: 'incoming' });
    stop.abort();
    await expect(call).rejects.toMatchObject(withCode('ABORTED'));
    await bob.next('session', { peer: 'alice', state: 'closed', reason: 'CANCELLED' });
  });

  it('is one when both call each other at once', async () => {
    const alice = await world.member('alice');
    const bob = await world.member('bob');
    for (let round = 0; round < 10; round += 1) {
      const opened = await Promise.all([alice.client.open('bob'), bob.client.open('alice')]);
      expect(opened.map(({ peer }) => peer)).toEqual(['bob', 'alice']);
      await Promise.all([alice.say('a', 'bob'), bob.say('b', 'alice')]);
      await alice.next('message', { text: 'b' });
      await bob.next('message', { text: 'a' });
      await alice.client.leave();
      await bob.next('session', { state: 'closed' });
    }
  });

  it('can be opened anew at once when the other device was killed and came back', async () => {
    const alice = await world.member('alice');
    const bob = (): Program =>
      new Program(mains.mca, ['--json', '--bind', '127.0.0.1', '--home', `${world.folder}/bob`]);
    const first = bob();
    first.say(`c ${world.address}`);
    first.say(`register bob ${password}`);
    first.say('o alice');
    await first.record({ command: 'o', ok: true });
    await alice.next('session', { peer: 'bob', state: 'opened' });
    await first.kill('SIGKILL');

    const second = bob();
    second.say(`c ${world.address}`);
    second.say(`login bob ${password}`);
    second.say('o alice');
    await second.record({ command: 'o', ok: true });
    // Alice's device had not noticed yet that the first session was dead.
    await alice.next('session', { peer: 'bob', state: 'closed', reason: 'ended' });
    await alice.next('session', { peer: 'bob', state: 'opened' });
    await alice.say('there you are', 'bob');
    await second.record({ event: 'message', text: 'there you are' });
  });
});
