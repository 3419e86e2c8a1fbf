/** The client with users behind a gateway, and a server that does with them whatever a test wants. */
import type { EngineSettings } from '@parley/client';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeGatewayUser } from './fake-gateway-user.js';
import { FakeServer, gatewayIntroductionTo, introductionTo, newId, type Behaviour } from './fake-server.js';
import { until, withCode, World, type Person } from './world.js';

let world: World;
let server: FakeServer;
beforeEach(async () => {
  world = new World();
  server = await FakeServer.start();
});
afterEach(async () => {
  await world.close();
  await server.stop();
});

async function alice(
  options: { accept?: 'auto' | 'ask' } = {},
  settings: Partial<EngineSettings> = {},
): Promise<Person> {
  const person = await world.person(
    'alice',
    { tls: false, ...options },
    { pathTimeoutMs: 300, lingerMs: 200, ...settings },
  );
  await person.client.connect(server.address);
  await person.client.login('alice', 'password-1');
  return person;
}

function behave(behaviour: Behaviour): void {
  server.behaviour = { ...server.behaviour, ...behaviour };
}

/** The next session that is opened is one with zed, who is behind a gateway. */
function serveZed(): { zed: FakeGatewayUser; id: string } {
  const introduction = gatewayIntroductionTo('zed');
  const zed = new FakeGatewayUser('zed', introduction.id, server);
  behave({ 'session.open': () => ({ introduction }), ...zed.behaviour });
  return { zed, id: introduction.id };
}

describe('a session with a user behind a gateway', () => {
  it('says everywhere that the server can read it, and carries texts and receipts both ways', async () => {
    const person = await alice();
    const { zed } = serveZed();
    expect(await person.client.open('zed')).toEqual({ peer: 'zed', path: 'gateway' });
    expect(await person.next('session', { state: 'opened' })).toMatchObject({ peer: 'zed', path: 'gateway' });
    for (let n = 1; n <= 200; n += 1) await person.client.send(`number ${String(n)}`);
    for (let n = 1; n <= 200; n += 1) await person.next('receipt', { to: 'zed', state: 'delivered' });
    expect(zed.heard).toEqual(Array.from({ length: 200 }, (_, n) => `number ${String(n + 1)}`));
    zed.say('hello');
    expect(await person.next('message')).toMatchObject({ from: 'zed', room: null, text: 'hello', seq: 1 });
    await until(() => zed.confirmed === 1, 'the receipt of alice');
    expect(person.client.status().conversation).toMatchObject({ kind: 'user', name: 'zed', path: 'gateway' });
    expect(person.client.status().conversation?.rttMs).toBeGreaterThan(0);
    expect(person.client.keyOf('zed')).toBeNull();
    // Far from one request a text: what waits goes together.
    expect(server.paramsOf('gateway.send').length).toBeLessThan(100);
  });

  it('is told of by both policies of a caller, before anything else', async () => {
    const person = await alice({ accept: 'ask' });
    const introduction = gatewayIntroductionTo('zed');
    const zed = new FakeGatewayUser('zed', introduction.id, server);
    behave({ 'session.answer': () => ({ introduction }), ...zed.behaviour });
    server.latest.notify('session.incoming', { peer: 'zed', door: 'peer' });
    expect(await person.next('session', { peer: 'zed', state: 'incoming' })).toMatchObject({ path: 'gateway' });
    expect(await person.client.accept()).toEqual({ peer: 'zed', path: 'gateway' });
    await person.next('session', { peer: 'zed', state: 'opened', path: 'gateway' });
  });

  it('is refused when it was announced as one between devices', async () => {
    const person = await alice();
    behave({ 'session.answer': () => ({ introduction: gatewayIntroductionTo('zed') }) });
    server.latest.notify('session.incoming', { peer: 'zed', door: 'native' });
    await person.next('session', { peer: 'zed', state: 'incoming', path: 'direct' });
    await person.next('session', { peer: 'zed', state: 'closed' });
    expect(person.saw('session', { state: 'opened' })).toBe(false);
    expect(person.client.status().conversation).toBeNull();
  });

  it('loses and doubles nothing when the connection breaks in mid-talk', async () => {
    const person = await alice();
    const { zed } = serveZed();
    await person.client.open('zed');
    let [ours, theirs] = [0, 0];
    for (let round = 0; round < 5; round += 1) {
      for (let n = 0; n < 20; n += 1) {
        await person.client.send(`ours ${String((ours += 1))}`);
        zed.say(`theirs ${String((theirs += 1))}`);
        if (n === 10) server.cut();
        if (n % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await person.next('server', { state: 'back' });
    }
    for (let n = 1; n <= ours; n += 1) await person.next('receipt', { state: 'delivered' });
    expect(zed.heard).toEqual(Array.from({ length: ours }, (_, n) => `ours ${String(n + 1)}`));
    for (let n = 1; n <= theirs; n += 1)
      expect(await person.next('message')).toMatchObject({ text: `theirs ${String(n)}`, seq: n });
    await until(() => zed.confirmed === theirs, 'all receipts of alice');
    expect(person.saw('message')).toBe(false);
    expect(person.saw('receipt')).toBe(false);
    expect(person.notices.filter((text) => /missing|contradicts/.test(text))).toEqual([]);
    expect(person.notices.join()).toContain('waits for the server');
  });

  it('ends with PEER_LOST when the server comes back and knows nothing of it', async () => {
    const person = await alice();
    serveZed();
    await person.client.open('zed');
    behave({ 'gateway.send': () => ({ error: 'NO_CONVERSATION' }) });
    server.cut();
    const { id } = await person.client.send('are you there?');
    await person.next('receipt', { id, to: 'zed', state: 'failed' });
    await person.next('session', { peer: 'zed', state: 'closed', reason: 'PEER_LOST' });
    expect(person.client.status().conversation).toBeNull();
    expect(server.paramsOf('session.restore')).toEqual([]);
  });

  it('ends when the server comes back without knowing alice, and when it is gone for good', async () => {
    const person = await alice();
    serveZed();
    await person.client.open('zed');
    behave({ 'account.resume': () => ({ error: 'TOKEN_INVALID' }) });
    server.cut();
    await person.next('session', { peer: 'zed', state: 'closed', reason: 'PEER_LOST' });

    await person.client.login('alice', 'password-1');
    serveZed();
    await person.client.open('zed');
    server.latest.notify('server.replaced', {});
    await person.next('session', { peer: 'zed', state: 'closed', reason: 'PEER_LOST' });
  });

  it('ends after all that was said has gone out', async () => {
    const person = await alice();
    const { zed, id } = serveZed();
    await person.client.open('zed');
    for (let n = 0; n < 100; n += 1) await person.client.send(String(n));
    await person.client.leave();
    expect(zed.heard).toHaveLength(100);
    expect(person.saw('receipt', { state: 'failed' })).toBe(false);
    expect(server.paramsOf('session.close')).toEqual([{ peer: 'zed', id, reason: 'ended' }]);
    const after = server.requests.slice(server.requests.findIndex(({ method }) => method === 'session.close'));
    expect(after.filter(({ method }) => method === 'gateway.send')).toEqual([]);
  });

  it('takes nothing that is of another conversation or user, or of a session that is over', async () => {
    const person = await alice();
    const { id } = serveZed();
    await person.client.open('zed');
    new FakeGatewayUser('zed', newId(), server).say('another conversation');
    new FakeGatewayUser('eve', id, server).say('another user');
    await person.client.leave();
    new FakeGatewayUser('zed', id, server).say('too late');
    // What comes behind all this has been told.
    behave({ 'session.answer': () => ({ introduction: null }) });
    server.latest.notify('session.incoming', { peer: 'carol', door: 'native' });
    await person.next('session', { peer: 'carol', state: 'incoming' });
    expect(person.saw('message')).toBe(false);
  });

  it('ends when the frames break the rules', async () => {
    const person = await alice();
    const { id } = serveZed();
    await person.client.open('zed');
    server.latest.notify('gateway.frames', { peer: 'zed', conversation: id, first: 1, frames: [], received: 9 });
    await person.next('session', { peer: 'zed', state: 'closed', reason: 'PEER_LOST' });
  });
});

describe('a user whose key is pinned', () => {
  it('is not talked with through a gateway before that is trusted', async () => {
    const person = await alice();
    behave({ 'session.open': () => ({ introduction: introductionTo('bob') }) });
    await expect(person.client.open('bob')).rejects.toMatchObject(withCode('NO_PATH'));
    expect(person.client.keyOf('bob')).not.toBeNull();

    const introduction = gatewayIntroductionTo('bob');
    const bob = new FakeGatewayUser('bob', introduction.id, server);
    behave({ 'session.open': () => ({ introduction }), ...bob.behaviour });
    const refused = person.client.open('bob');
    await expect(refused).rejects.toMatchObject(withCode('KEY_CHANGED'));
    await expect(refused).rejects.toThrow('NOT end-to-end encrypted');
    await until(() => server.paramsOf('session.close').some(({ reason }) => reason === 'KEY_CHANGED'), 'the refusal');
    expect(server.paramsOf('session.close').at(-1)).toMatchObject({ id: introduction.id });
    expect(server.paramsOf('gateway.send')).toEqual([]);
    bob.say('let me in');

    expect(await person.client.trust('bob')).toEqual({ trusted: 'bob', fingerprint: 'gateway' });
    expect(person.client.keyOf('bob')).toBeNull();
    expect(await person.client.open('bob')).toEqual({ peer: 'bob', path: 'gateway' });
    await person.say('hello', 'bob');
  });
});

describe('a room', () => {
  const id = newId();

  /** Alice is in a room; who else is, and by which introductions, is changed as the test goes. */
  async function inRoom(members: string[], introductions: Readonly<Record<string, unknown>>[]): Promise<Person> {
    const person = await alice();
    behave({
      'room.enter': ({ room }) => ({ room: room as string, id, owner: 'alice', members, introductions }),
    });
    expect(await person.client.enter('lab')).toMatchObject({ path: introductions.length > 0 ? 'gateway' : 'direct' });
    return person;
  }

  it('is readable by the server from when a user behind a gateway joins until the last of them has left', async () => {
    const person = await inRoom(['alice'], []);
    const zed = new FakeGatewayUser('zed', id, server);
    behave(zed.behaviour);
    expect(person.client.status().conversation).toMatchObject({ path: 'direct' });
    const introduction = gatewayIntroductionTo('zed');
    server.latest.notify('room.joined', { room: 'lab', user: 'zed', introduction });
    await person.next('room', { state: 'joined', user: 'zed' });
    expect(person.notices.filter((text) => text.includes('zed is in the room through a gateway'))).toHaveLength(1);
    expect(person.client.status().conversation).toMatchObject({ kind: 'room', path: 'gateway' });
    await person.say('hello all', 'zed');
    zed.say('hello');
    expect(await person.next('message')).toMatchObject({ from: 'zed', room: 'lab', text: 'hello' });
    // Lost for the server is gone: there is no device that could still be here.
    server.latest.notify('room.left', { room: 'lab', user: 'zed', reason: 'lost' });
    await person.next('room', { state: 'left', user: 'zed' });
    expect(person.client.status().conversation).toMatchObject({ path: 'direct' });
  });

  it('goes on with both after a reconnect, and nothing is lost or doubled', async () => {
    const introduction = gatewayIntroductionTo('zed');
    const person = await inRoom(['alice', 'zed'], [introduction]);
    const zed = new FakeGatewayUser('zed', id, server);
    behave({
      ...zed.behaviour,
      'room.enter': ({ room }) => ({
        room: room as string,
        id,
        owner: 'alice',
        members: ['alice', 'zed'],
        introductions: [],
      }),
    });
    await person.say('before', 'zed');
    server.cut();
    zed.say('lost at first');
    await person.client.send('meanwhile');
    await person.next('server', { state: 'back' });
    await person.next('receipt', { state: 'delivered' });
    expect(await person.next('message')).toMatchObject({ text: 'lost at first', seq: 1 });
    expect(zed.heard).toEqual(['before', 'meanwhile']);
    expect(server.paramsOf('room.enter').at(-1)).toMatchObject({ id, linked: ['zed'] });
    expect(person.notices.filter((text) => text.includes('through a gateway:'))).toEqual([]);
  });

  it('links a member anew when the server no longer knows the link', async () => {
    const members = ['alice', 'zed'];
    const person = await inRoom(members, [gatewayIntroductionTo('zed')]);
    const zed = new FakeGatewayUser('zed', id, server);
    behave({ 'gateway.send': () => ({ error: 'NO_CONVERSATION' }) });
    const { id: lost } = await person.client.send('into the void');
    await person.next('receipt', { id: lost, to: 'zed', state: 'failed' });
    behave(zed.behaviour);
    await until(() => server.paramsOf('room.enter').length > 1, 'the new introduction');
    expect(server.paramsOf('room.enter').at(-1)).toMatchObject({ linked: [] });
    await until(() => server.paramsOf('gateway.send').at(-1)?.['resume'] === true, 'the new link');
    await person.say('there you are', 'zed');
    expect(zed.heard).toEqual(['there you are']);
  });

  it('keeps somebody out of what is said who had a key and has none any more', async () => {
    const person = await alice();
    behave({ 'session.open': () => ({ introduction: introductionTo('bob') }) });
    await expect(person.client.open('bob')).rejects.toMatchObject(withCode('NO_PATH'));
    const members = ['alice', 'bob'];
    const introductions = [gatewayIntroductionTo('bob')];
    behave({ 'room.enter': ({ room }) => ({ room: room as string, id, owner: 'alice', members, introductions }) });
    expect(await person.client.enter('lab')).toMatchObject({ members, path: 'direct' });
    expect(person.notices.join()).toContain('trust bob');
    const { id: said } = await person.client.send('not for strangers');
    await person.next('receipt', { id: said, to: 'bob', state: 'failed' });
    expect(server.paramsOf('gateway.send')).toEqual([]);

    const bob = new FakeGatewayUser('bob', id, server);
    behave(bob.behaviour);
    await person.client.trust('bob');
    await until(() => person.client.status().conversation?.path === 'gateway', 'the link');
    expect(person.notices.join()).toContain('bob is in the room through a gateway');
    await person.say('now it is', 'bob');
  });
});
