/** The server introduces people and hears nothing: all bytes it reads and writes, and all it keeps, are looked at. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { TcpTap } from './tcp-tap.js';
import { UdpTap } from './udp-tap.js';
import { until, World, type Person } from './world.js';

let world: World;
/** All TCP of the server, and all its UDP. */
let tap: TcpTap;
let udp: UdpTap;

beforeEach(async () => {
  world = new World();
  // Without TLS, so that the tap reads what the server reads.
  [, udp] = await UdpTap.around(() => world.startServer({ tls: false }));
  tap = await TcpTap.before(world.server.control.port);
});
afterEach(async () => {
  await world.close();
  await tap.close();
});

async function member(name: string, path: 'auto' | 'relay-only' = 'auto'): Promise<Person> {
  const person = await world.person(name, { tls: false, path });
  await person.client.connect(tap.address);
  await person.client.register(name, 'correct-horse');
  return person;
}

function datagrams(): Buffer[] {
  return [...udp.received, ...udp.sent].map(({ bytes }) => bytes);
}

function keptFiles(folder: string): Buffer[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)));
}

/** The ways in which a text could hide in plain bytes. */
function disguises(text: string): Buffer[] {
  const bytes = Buffer.from(text);
  const base64 = [0, 1, 2].map((offset) =>
    Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .slice(offset === 0 ? 0 : 4, -4),
  );
  return [bytes, Buffer.from(text, 'utf16le'), ...[bytes.toString('hex'), ...base64].map((form) => Buffer.from(form))];
}

describe('what the server reads, writes and keeps', () => {
  it('holds the names of those who talk, but nothing of what they say', async () => {
    const [alice, bob, carol] = [await member('alice'), await member('bob'), await member('carol')];
    const secret = randomBytes(24).toString('hex');
    await alice.client.open('bob');
    await alice.say(`to you: ${secret}`, 'bob');
    await bob.say(`and back: ${secret}`, 'alice');
    await alice.client.enter('lab');
    await bob.client.enter('lab');
    await carol.client.enter('lab');
    for (const person of [alice, bob]) await person.next('room', { user: 'carol' });
    await carol.say(`to all: ${secret}`, 'alice', 'bob');

    const seen = [tap.bytes, Buffer.concat(datagrams()), ...keptFiles(join(world.folder, 'server'))];
    // The taps do see what goes through the server: who calls whom, and a question and an answer of STUN for each.
    expect(datagrams().length).toBeGreaterThanOrEqual(6);
    expect(seen.some((bytes) => bytes.includes('"peer":"bob"'))).toBe(true);
    for (const disguise of disguises(secret)) expect(seen.some((bytes) => bytes.includes(disguise))).toBe(false);
  });

  it('holds nothing of what it relays either, by UDP and in the control connection', async () => {
    const [alice, bob] = [await member('alice', 'relay-only'), await member('bob')];
    const secret = randomBytes(24).toString('hex');
    expect(await alice.client.open('bob')).toMatchObject({ path: 'relayed' });
    await alice.say(`to you: ${secret}`, 'bob');
    await bob.say(`and back: ${secret}`, 'alice');
    await until(() => udp.relayed.length > 10 && tap.bytes.includes('"relay.send"'), 'both ways of the relay');
    // By UDP, too, from here on.
    await alice.say(`once more: ${secret}`, 'bob');

    const seen = [tap.bytes, Buffer.concat(datagrams()), ...keptFiles(join(world.folder, 'server'))];
    for (const disguise of disguises(secret)) expect(seen.some((bytes) => bytes.includes(disguise))).toBe(false);
    // In frames on the control connection the bytes are in base64 already.
    const frames = [...tap.bytes.toString('latin1').matchAll(/"frames":\["([^\]]*)"\]/g)];
    const carried = frames.flatMap(([, list = '']) => list.split('","')).map((text) => Buffer.from(text, 'base64'));
    expect(carried.length).toBeGreaterThan(0);
    for (const disguise of disguises(secret)) expect(carried.some((bytes) => bytes.includes(disguise))).toBe(false);
  });

  it('does not grow with what is said, so it is not there in another form either', async () => {
    const [alice, bob] = [await member('alice'), await member('bob')];
    await alice.client.open('bob');
    await bob.next('session', { state: 'opened' });
    const bytes = (): number => tap.bytes.length + Buffer.concat(datagrams()).length;
    const before = bytes();
    const text = randomBytes(6000).toString('hex');
    for (let n = 0; n < 200; n += 1) await alice.client.send(text);
    await alice.say('done', 'bob');
    expect(bob.unseen.filter(({ event }) => event === 'message')).toHaveLength(201);
    // Over 2 MB were said; pings and nothing else went by the server.
    expect(bytes() - before).toBeLessThan(2000);
  });
});
