import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { PeerWire } from './peer-client.fixture.js';
import { PeerPhone } from './peer-client.fixture.js';
import { until } from './until.fixture.js';
import {
  OtherUser,
  basePort,
  gateway,
  phones,
  setUp,
  tearDown,
  text,
  up,
  who,
  wire,
  world,
} from './peer-world.fixture.js';

beforeEach(setUp);
afterEach(tearDown);

describe('a client calls somebody', () => {
  let lena: OtherUser;
  let lenaPort: number;

  beforeEach(async () => {
    lena = await OtherUser.join('lena');
    await up('Mat');
    lenaPort = (await who()).find(([name]) => name === 'lena')?.[2] ?? 0;
  });

  function call(name = 'Mat', from?: string): PeerWire {
    const made = wire(lenaPort, from);
    made.say({ type: 'conn', address: '0.0.0.0', port: 1, name });
    return made;
  }

  it('and they talk, until the client ends it', async () => {
    const made = call();
    expect(await made.next()).toEqual({ type: 'resp', agree: true });
    await lena.hears('called', 'mat');
    await lena.hears('opened', 'mat');
    made.say(text('hello\n\0'), text('\n'), text('how are\u001b you?'));
    await lena.hears('text', 'mat', 'hello');
    await lena.hears('text', 'mat', 'how are? you?');
    await lena.bridged.say('mat', 'fine');
    await lena.bridged.say('mat', 'ü'.repeat(600));
    expect(await made.next()).toEqual(text('fine'));
    expect(await made.next()).toEqual(text('ü'.repeat(511)));
    expect(await made.next()).toEqual(text('ü'.repeat(89)));
    made.say(text('bye'), { type: 'end' });
    await lena.hears('text', 'mat', 'bye');
    await lena.hears('closed', 'mat', 'ended', 0);
    expect(await made.next()).toBe('closed');
    expect(world.messenger.sessions()).toEqual([]);
  });

  it('and the other ends it', async () => {
    const made = call();
    await made.next();
    lena.bridged.close('mat');
    expect(await made.next()).toEqual({ type: 'end' });
    expect(await made.next()).toBe('closed');
    // Again, over the same port.
    expect(await call().next()).toEqual({ type: 'resp', agree: true });
  });

  it('and the connection breaks: what was said before is not lost', async () => {
    const made = call();
    await made.next();
    made.say(text('wait'));
    made.socket.end();
    await lena.hears('called', 'mat');
    await lena.hears('opened', 'mat');
    await lena.hears('text', 'mat', 'wait');
    await lena.hears('closed', 'mat', 'PEER_LOST', 0);
  });

  it('and learns what the other did not confirm', async () => {
    lena.confirms = false;
    const made = call();
    await made.next();
    made.say(text('one'), text('two'));
    await until('both texts have come', () => lena.told.length === 4);
    lena.bridged.close('mat');
    expect(await made.next()).toEqual(text('(not confirmed: your last 2 texts)'));
    expect(await made.next()).toEqual({ type: 'end' });
  });

  it('and is declined', async () => {
    lena.answer = 'refuse';
    const made = call();
    expect(await made.next()).toEqual({ type: 'resp', agree: false });
    expect(await made.next()).toBe('closed');
  });

  it('and gives up while it rings, which may take a while', async () => {
    lena.answer = 'wait';
    const made = call();
    await lena.hears('called', 'mat');
    world.clock.advance(20_000);
    made.say({ type: 'end' });
    await lena.hears('callEnded', 'mat');
    const again = call();
    await lena.hears('called', 'mat');
    again.socket.destroy();
    await lena.hears('callEnded', 'mat');
  });

  it('and is heard of only once', async () => {
    const made = call();
    await made.next();
    expect(await call().next()).toEqual({ type: 'resp', agree: false });
    made.say(text('still here'));
    await lena.hears('called', 'mat');
    await lena.hears('opened', 'mat');
    await lena.hears('text', 'mat', 'still here');
  });

  it('but nobody calls in the name of another', async () => {
    for (const made of [call('nobody'), call('mat'), call('lena'), call('Mat', '127.0.0.2')]) {
      expect(await made.next()).toEqual({ type: 'resp', agree: false });
      expect(await made.next()).toBe('closed');
    }
    expect(lena.told).toEqual([]);
  });

  it('but must say so in time, and nothing else first', async () => {
    const silent = wire(lenaPort);
    const wrong = wire(lenaPort);
    wrong.say(text('hi'));
    expect(await wrong.next()).toBe('closed');
    world.clock.advance(10_000);
    expect(await silent.next()).toBe('closed');
    expect(lena.told).toEqual([]);
  });

  it('and breaks the protocol', async () => {
    const made = call();
    await made.next();
    made.bytes(Uint8Array.of(33, 0, 0, 0, 255, 255, 255, 255, 65, 66));
    expect(await made.next()).toBe('closed');
    await lena.hears('called', 'mat');
    await lena.hears('opened', 'mat');
    await lena.hears('closed', 'mat', 'PEER_LOST', 0);
  });

  it('and does not read: others are held back, and in the end the session is over', async () => {
    const made = call();
    await made.next();
    made.socket.pause();
    await lena.hears('called', 'mat');
    await lena.hears('opened', 'mat');
    let said = 0;
    while (lena.bridged.isInSession('mat')) {
      const saying = lena.bridged.say('mat', 'x'.repeat(16_000)).catch(() => undefined);
      const isHeldBack = await Promise.race([saying.then(() => false), sleep(200, true)]);
      if (isHeldBack) world.clock.advance(5_000);
      await saying;
      said += 1;
    }
    // What the system takes on both sides, and a bounded rest.
    expect(said).toBeLessThan(2_000);
    await until('the session is over', () => lena.told.length > 0);
    const [told] = lena.told as [string, string, string, number][];
    expect(told?.slice(0, 3)).toEqual(['closed', 'mat', 'PEER_LOST']);
    expect(told?.[3]).toBeGreaterThan(0);
  });

  it('and goes down: the talk ends', async () => {
    const made = call();
    await made.next();
    wire().say({ type: 'down', address: '0.0.0.0', port: basePort });
    expect(await made.next()).toEqual({ type: 'end' });
    await lena.hears('called', 'mat');
    await lena.hears('opened', 'mat');
    await lena.hears('closed', 'mat', 'ended', 0);
  });

  it('and the server stops', async () => {
    const made = call();
    await made.next();
    await gateway.stop();
    expect(await made.next()).toEqual({ type: 'end' });
    expect(await made.next()).toBe('closed');
    expect(world.messenger.isOnline('mat')).toBe(false);
  });
});

describe('somebody calls a client', () => {
  let lena: OtherUser;
  let phone: PeerPhone;

  beforeEach(async () => {
    lena = await OtherUser.join('lena');
    // What it announces is for the other clients: the server goes where it came from.
    await up('Mat', undefined, '192.0.2.1');
    phone = await PeerPhone.at(basePort);
    phones.push(phone);
  });

  async function callMat(): Promise<string> {
    return lena.bridged.open('mat').then(
      () => 'opened',
      (error: unknown) => (error as { code: string }).code,
    );
  }

  it('and they talk, until the client ends it', async () => {
    const outcome = callMat();
    const call = await phone.call();
    const lenaPort = (await who()).find(([name]) => name === 'lena')?.[2];
    expect(await call.next()).toEqual({ type: 'conn', address: '127.0.0.1', port: lenaPort, name: 'lena' });
    call.say({ type: 'resp', agree: true }, text('hello'));
    expect(await outcome).toBe('opened');
    await lena.hears('opened', 'mat');
    await lena.hears('text', 'mat', 'hello');
    await lena.bridged.say('mat', 'hi');
    expect(await call.next()).toEqual(text('hi'));
    call.say({ type: 'end' });
    await lena.hears('closed', 'mat', 'ended', 0);
    expect(await call.next()).toBe('closed');
  });

  it('and is declined', async () => {
    const outcome = callMat();
    (await phone.call()).say({ type: 'resp', agree: false });
    expect(await outcome).toBe('DECLINED');
  });

  it('and nobody is there, or the line breaks', async () => {
    const outcome = callMat();
    (await phone.call()).socket.destroy();
    expect(await outcome).toBe('NO_PATH');
    phone.close();
    expect(await callMat()).toBe('NO_PATH');
  });

  it('and gives up', async () => {
    const outcome = callMat();
    const call = await phone.call();
    await call.next();
    lena.bridged.close('mat');
    expect(await call.next()).toEqual({ type: 'end' });
    expect(await call.next()).toBe('closed');
    expect(await outcome).toBe('DECLINED');
  });

  it('by a name that has no room in the struct: not at all', async () => {
    const long = await OtherUser.join('x'.repeat(25));
    await expect(long.bridged.open('mat')).rejects.toMatchObject({ code: 'NO_PATH' });
  });

  it('who calls back in the same moment: one talk', async () => {
    const lenaPort = (await who()).find(([name]) => name === 'lena')?.[2] ?? 0;
    const outcome = callMat();
    const call = await phone.call();
    await call.next();
    const made = wire(lenaPort);
    made.say({ type: 'conn', address: '0.0.0.0', port: basePort, name: 'Mat' });
    expect(await made.next()).toEqual({ type: 'resp', agree: true });
    expect(await outcome).toBe('opened');
    expect(await call.next()).toEqual({ type: 'end' });
    await lena.hears('opened', 'mat');
    made.say(text('hello'));
    await lena.hears('text', 'mat', 'hello');
    expect(world.messenger.sessions()).toHaveLength(1);
  });
});
