/** The client with a server that is slow, forgetful, hostile, or gone at the worst moment. */
import type { EngineSettings } from '@parley/client';
import { generateKeyPair, UdpTransport } from '@parley/transport/node';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeServer, introductionTo, newId, random, type Behaviour } from './fake-server.js';
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
    { pathTimeoutMs: 300, lingerMs: 100, ...settings },
  );
  await person.client.connect(server.address);
  await person.client.login('alice', 'password-1');
  return person;
}

function behave(behaviour: Behaviour): void {
  server.behaviour = { ...server.behaviour, ...behaviour };
}

describe('coming back', () => {
  it('survives that the room is full by now: we are out of it, the login stands, one connection stays', async () => {
    const person = await alice();
    await person.client.enter('lab');
    behave({ 'room.enter': () => ({ error: 'ROOM_FULL' }) });
    server.cut();
    await person.next('server', { state: 'lost' });
    await person.next('server', { state: 'back' });
    await person.next('room', { room: 'lab', state: 'left', user: 'alice' });
    expect(person.client.status()).toMatchObject({ user: 'alice', conversation: null });
    expect(server.open).toHaveLength(1);
  });

  it('tries anew on a connection of its own when restoring fails', async () => {
    const person = await alice();
    await person.client.enter('lab');
    let refusals = 2;
    behave({
      'room.enter': ({ room, id }) =>
        refusals-- > 0
          ? { error: 'SERVER_BUSY' }
          : { room: room as string, id: id as string, owner: 'alice', members: ['alice'], introductions: [] },
    });
    server.cut();
    await person.next('server', { state: 'back' });
    await until(() => server.open.length === 1, 'the abandoned connections to end');
    expect(person.client.status()).toMatchObject({ user: 'alice', conversation: { name: 'lab' } });
    expect(server.paramsOf('account.resume')).toHaveLength(3);
  });

  it('tells first what it owes, before anything newer', async () => {
    const person = await alice();
    await person.client.enter('lab');
    server.cut();
    await person.next('server', { state: 'lost' });
    await person.client.leave();
    await person.next('server', { state: 'back' });
    const after = server.requests.slice(server.requests.findIndex(({ method }) => method === 'account.resume') + 1);
    expect(after[0]).toEqual({ method: 'room.leave', params: { room: 'lab' } });
    expect(after.some(({ method }) => method === 'room.enter')).toBe(false);
  });

  it('answers a call that rang before the reply to its resume', async () => {
    const person = await alice();
    behave({
      'account.resume': (_, connection) => {
        connection.notify('session.incoming', { peer: 'bob', door: 'native' });
        return { user: 'alice' };
      },
      'session.answer': () => ({ introduction: introductionTo('bob', 'responder') }),
    });
    server.cut();
    await person.next('session', { peer: 'bob', state: 'incoming' });
    await until(() => server.paramsOf('session.answer').length > 0, 'the answer');
    expect(server.paramsOf('session.answer')).toEqual([{ peer: 'bob', answer: 'accept' }]);
  });

  it('is given up when the account is used at another device by now', async () => {
    const person = await alice();
    behave({ 'account.resume': () => ({ error: 'ALREADY_CONNECTED' }) });
    server.cut();
    await person.next('server', { state: 'lost' });
    await person.next('server', { state: 'lost' });
    expect(person.client.status()).toMatchObject({ server: null, lostServer: null, user: null });
    expect(person.notices.join()).toContain('disconnected for good');
  });

  it('goes on as a stranger when the server no longer knows the login', async () => {
    const person = await alice();
    behave({ 'account.resume': () => ({ error: 'TOKEN_INVALID' }) });
    server.cut();
    await person.next('server', { state: 'back' });
    expect(person.client.status()).toMatchObject({ server: server.address, user: null });
    await person.client.login('alice', 'password-1');
  });
});

describe('a call', () => {
  it('that rings while the server goes for good ends, and its timer does no harm', async () => {
    const person = await alice({ accept: 'ask' }, { ringMs: 150 });
    server.latest.notify('session.incoming', { peer: 'bob', door: 'native' });
    await person.next('session', { peer: 'bob', state: 'incoming' });
    server.latest.notify('server.replaced', {});
    await person.next('session', { peer: 'bob', state: 'closed', reason: 'CANCELLED' });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await expect(person.client.accept()).rejects.toMatchObject(withCode('NO_CALLER'));
  });

  it('from the user we are about to call is joined with ours, even while we are still leaving', async () => {
    const person = await alice();
    await person.client.enter('lab');
    let letGo: () => void = () => undefined;
    behave({
      'room.leave': () =>
        new Promise((resolve) => {
          letGo = () => {
            resolve({});
          };
        }),
      'session.open': () => ({ introduction: introductionTo('bob') }),
    });
    const call = person.client.open('bob');
    await until(() => server.paramsOf('room.leave').length > 0, 'the leaving');
    server.latest.notify('session.incoming', { peer: 'bob', door: 'native' });
    server.latest.notify('session.incoming', { peer: 'carol', door: 'native' });
    await until(() => server.paramsOf('session.answer').length > 0, 'the answer to carol');
    letGo();
    await expect(call).rejects.toMatchObject(withCode('NO_PATH'));
    expect(server.paramsOf('session.answer')).toEqual([{ peer: 'carol', answer: 'busy' }]);
  });

  it('that is being taken gives way to what the user does', async () => {
    const person = await alice({}, { pathTimeoutMs: 60_000 });
    behave({ 'session.answer': () => ({ introduction: introductionTo('bob', 'responder') }) });
    server.latest.notify('session.incoming', { peer: 'bob', door: 'native' });
    await person.next('session', { peer: 'bob', state: 'incoming' });
    await person.client.enter('lab');
    await person.next('session', { peer: 'bob', state: 'closed' });
    expect(server.paramsOf('session.close')).toMatchObject([{ peer: 'bob', reason: 'ended' }]);
    expect(person.client.status().conversation).toMatchObject({ kind: 'room' });
  });

  it('that is told twice is one', async () => {
    const person = await alice({ accept: 'ask' });
    for (let n = 0; n < 2; n += 1) server.latest.notify('session.incoming', { peer: 'bob', door: 'native' });
    await person.next('session', { peer: 'bob', state: 'incoming' });
    behave({ 'session.answer': () => ({ introduction: null }) });
    await person.client.decline();
    await until(() => server.paramsOf('session.answer').length > 0, 'the answer');
    expect(server.paramsOf('session.answer')).toEqual([{ peer: 'bob', answer: 'decline' }]);
  });
});

describe('giving up', () => {
  it('a login leaves no doubt about who is logged in', async () => {
    const person = await world.person('alice', { tls: false });
    await person.client.connect(server.address);
    let reply: () => void = () => undefined;
    behave({
      'account.login': () =>
        new Promise((resolve) => {
          reply = () => {
            resolve({ user: 'alice', resumeToken: random(32) });
          };
        }),
    });
    const stop = new AbortController();
    const login = person.client.login('alice', 'password-1', { signal: stop.signal });
    await until(() => server.paramsOf('account.login').length > 0, 'the login');
    stop.abort();
    await expect(login).rejects.toMatchObject(withCode('ABORTED'));
    reply();
    await until(() => person.client.status().user === 'alice', 'the login to stand');
    await expect(person.client.login('alice', 'password-1')).rejects.toMatchObject(withCode('ALREADY_LOGGED_IN'));
  });

  it('an entering takes it back', async () => {
    const person = await alice();
    behave({ 'room.enter': () => undefined });
    const stop = new AbortController();
    const entering = person.client.enter('lab', { signal: stop.signal });
    await until(() => server.paramsOf('room.enter').length > 0, 'the entering');
    stop.abort();
    await expect(entering).rejects.toMatchObject(withCode('ABORTED'));
    await until(() => server.paramsOf('room.leave').length > 0, 'the leaving');
  });

  it('closing ends whatever is under way, twice as well as once', async () => {
    const person = await alice();
    behave({ 'session.open': () => undefined });
    const call = person.client.open('bob');
    await until(() => server.paramsOf('session.open').length > 0, 'the call');
    const closing = [person.client.close(), person.client.close()];
    await expect(call).rejects.toMatchObject(withCode('ABORTED'));
    await Promise.all(closing);
    expect(server.paramsOf('session.close')).toEqual([{ peer: 'bob', id: null, reason: 'ended' }]);
    // The profile is free again.
    await world.person('alice', { tls: false });
  });

  it('an open conversation is not left for a user who cannot be called', async () => {
    const person = await alice();
    await person.client.enter('lab');
    behave({
      'user.find': ({ name }) =>
        name === 'nobody' ? { error: 'UNKNOWN_USER' } : { name: name as string, online: false },
    });
    await expect(person.client.open('nobody')).rejects.toMatchObject(withCode('UNKNOWN_USER'));
    await expect(person.client.open('carol')).rejects.toMatchObject(withCode('USER_OFFLINE'));
    server.cut();
    await person.next('server', { state: 'lost' });
    await expect(person.client.open('bob')).rejects.toMatchObject(withCode('SERVER_LOST'));
    expect(person.client.status().conversation).toMatchObject({ name: 'lab' });
  });
});

/** Alice in a room with somebody who has a device and tells its address in the clear, but speaks to her only by `send`. */
async function withMallory(settings: Partial<EngineSettings> = {}) {
  const keyPair = generateKeyPair();
  const transport = await UdpTransport.bind({ host: '127.0.0.1', keyPair });
  const deviceKey = Buffer.from(keyPair.publicKey).toString('base64');
  const entered: Record<string, unknown>[] = [];
  behave({
    'room.enter': ({ room }) => {
      const candidates = [{ kind: 'host', ...transport.localAddress }];
      const introduction = { ...introductionTo('mallory'), deviceKey, candidates };
      entered.push(introduction);
      const members = ['alice', 'mallory'];
      return { room: room as string, id: newId(), owner: 'alice', members, introductions: [introduction] };
    },
  });
  const person = await alice({}, { pathTimeoutMs: 5_000, ...settings });
  await person.client.enter('lab');
  const [introduction] = entered;
  const link = transport.open(
    {
      id: Buffer.from(introduction?.['id'] as string, 'hex'),
      psk: Buffer.from(introduction?.['psk'] as string, 'base64'),
      peerKey: Buffer.from(server.paramsOf('account.login')[0]?.['deviceKey'] as string, 'base64'),
      role: 'responder',
      // Alice calls, and knows hers.
      candidates: [],
    },
    {},
  );
  return { person, link, transport };
}

describe('leaving that was given up', () => {
  it('is finished before the same room is entered again', async () => {
    // Mallory confirms nothing, so leaving waits its whole time.
    const { person, link, transport } = await withMallory({ lingerMs: 700 });
    await until(() => link.state === 'established', 'the link');
    await person.client.send('do you hear me?');
    const stop = new AbortController();
    const leaving = person.client.leave({ signal: stop.signal });
    // Once it has begun, and long before its time is over.
    await new Promise((resolve) => setTimeout(resolve, 100));
    stop.abort();
    await expect(leaving).rejects.toMatchObject(withCode('ABORTED'));
    await person.client.enter('lab');
    const order = server.requests.map(({ method }) => method).filter((method) => method.startsWith('room.'));
    expect(order).toEqual(['room.enter', 'room.leave', 'room.enter']);
    expect(person.client.status().conversation).toMatchObject({ name: 'lab' });
    await transport.close();
  });
});

describe('a member that confirms nothing', () => {
  it('does not hold up for ever what is said', async () => {
    const { person, link, transport } = await withMallory({ peerIdleTimeoutMs: 2_000, keepAliveMs: 500 });
    await until(() => link.state === 'established', 'the link');
    const text = 'x'.repeat(16_000);
    // Over 1 MiB: the last ones wait.
    for (let n = 0; n < 70; n += 1) await person.client.send(text);
    await person.next('receipt', { to: 'mallory', state: 'failed' });
    expect(person.notices.join()).toContain('confirms nothing');
    expect(person.client.status().conversation).toMatchObject({ name: 'lab' });
    await transport.close();
  });
});

describe('a member that sends nothing but rubbish', () => {
  it('is talked with no more, and not asked for again', async () => {
    const { person, link, transport } = await withMallory();
    for (let n = 0; n < 30; n += 1) link.send(Uint8Array.of(1, 2, 3));
    await until(() => person.notices.some((text) => text.includes('broke the rules')), 'the end of patience');
    expect(person.notices.filter((text) => text.includes('malformed'))).toHaveLength(1);
    // Longer than the first wait before a link is asked for anew.
    await new Promise((resolve) => setTimeout(resolve, 2_200));
    expect(server.paramsOf('room.enter')).toHaveLength(1);
    expect((await person.client.send('to nobody')).to).toEqual(['mallory']);
    await person.next('receipt', { to: 'mallory', state: 'failed' });
    await transport.close();
  });
});

describe('a server that floods while we come back', () => {
  it('is left, and tried again', async () => {
    const person = await alice();
    let floods = 1;
    behave({
      'account.resume': (_, connection) => {
        if (floods-- > 0) for (let n = 0; n < 20_000; n += 1) connection.notify('room.closed', { room: 'nowhere' });
        return { user: 'alice' };
      },
    });
    server.cut();
    await person.next('server', { state: 'back' });
    expect(server.paramsOf('account.resume')).toHaveLength(2);
    await until(() => server.open.length === 1, 'the flooded connection to end');
    expect(person.client.status()).toMatchObject({ user: 'alice' });
  });
});

describe('a server that lies', () => {
  it.each<[string, Behaviour, string]>([
    [
      'another version',
      { 'server.hello': () => ({ protocol: 99, agent: 'x', stunPort: 9, pingIntervalMs: 1000 }) },
      'VERSION_UNSUPPORTED',
    ],
    [
      'pings without end',
      { 'server.hello': () => ({ protocol: 1, agent: 'x', stunPort: 9, pingIntervalMs: 0 }) },
      'INTERNAL',
    ],
    ['somebody else’s login', { 'account.login': () => ({ user: 'eve', resumeToken: random(32) }) }, 'INTERNAL'],
  ])('with %s is refused', async (_, behaviour, code) => {
    behave(behaviour);
    await expect(alice()).rejects.toMatchObject(withCode(code));
  });

  it('with another peer, another room, or lists without end is not believed', async () => {
    const person = await alice();
    behave({
      'session.open': () => ({ introduction: introductionTo('eve') }),
      'room.enter': () => ({ room: 'trap', id: newId(), owner: 'eve', members: [], introductions: [] }),
      'user.list': () => ({ users: [{ name: 'bob', online: true }], next: 'bob' }),
    });
    const { client } = person;
    for (const attempt of [() => client.open('bob'), () => client.enter('lab'), () => client.users()]) {
      await expect(attempt()).rejects.toMatchObject(withCode('INTERNAL'));
    }
    expect(person.client.status().conversation).toBeNull();
  });

  it('with a storm of events does not bring the client down', async () => {
    const person = await alice();
    await person.client.enter('lab');
    const line = `${JSON.stringify({ jsonrpc: '2.0', method: 'server.ping', params: {} })}\n`;
    server.latest.socket.write(line.repeat(300_000));
    for (let n = 0; n < 2000; n += 1) {
      const user = `user${String(n)}`;
      server.latest.notify('room.joined', { room: 'lab', user, introduction: null });
    }
    server.latest.notify('room.joined', { room: 'lab', user: 'alice', introduction: null });
    server.latest.notify('room.left', { room: 'lab', user: 'user0', reason: 'left' });
    await person.next('room', { state: 'left', user: 'user0' });
    const joined = person.unseen.filter((event) => event.event === 'room' && event.state === 'joined');
    // A room holds 256 at most.
    expect(joined).toHaveLength(256);
  });

  it('with broken lines is left', async () => {
    const person = await alice();
    for (const bytes of [
      'nonsense\n',
      '{"jsonrpc":"2.0","method":"room.left","params":{"room":7}}\n',
      Buffer.from([0xff, 0x0a]),
    ]) {
      server.latest.socket.write(bytes);
      await person.next('server', { state: 'lost' });
      await person.next('server', { state: 'back' });
    }
    server.latest.socket.write(Buffer.alloc(1_100_000, 'x'));
    await person.next('server', { state: 'lost' });
  });
});
