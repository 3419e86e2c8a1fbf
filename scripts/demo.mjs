// The main job in one terminal: a server, three clients, a session, messages over UDP, a room. Each step is one line.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@parley/client';
import { startServer } from '@parley/server';

const folder = mkdtempSync(join(tmpdir(), 'parley-demo-'));
const startedAt = performance.now();

function tell(text) {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(2).padStart(6);
  process.stdout.write(`${seconds} s  ${text}\n`);
}

/** The next event of a client that fits; gives up after 15 s. */
async function next(events, fits) {
  const late = setTimeout(() => void events.return(), 15_000);
  try {
    for (;;) {
      const { value, done } = await events.next();
      if (done) throw new Error('nothing happened for 15 s');
      if (fits(value)) return value;
    }
  } finally {
    clearTimeout(late);
  }
}

async function person(name, server) {
  const client = await createClient({ home: join(folder, name), bind: '127.0.0.1' });
  const events = client.events();
  await client.connect(server);
  await client.register(name, `the password of ${name}`);
  return { client, events };
}

const clients = [];
const server = await startServer({ dataDirectory: join(folder, 'server'), host: '127.0.0.1', port: 0 });
try {
  const address = `127.0.0.1:${server.control.port}`;
  tell(`msa listens on ${address}, TCP with TLS for control and UDP for STUN`);

  for (const name of ['alice', 'bob', 'carol']) clients.push(await person(name, address));
  const [alice, bob, carol] = clients;
  tell('alice, bob and carol have registered, each with a device key of its own');

  await alice.client.open('bob');
  tell('alice opened a session with bob: Noise handshake over UDP, the server only introduced them');

  const { id } = await alice.client.send('Hello Bob, this goes from my device to yours.');
  const heard = await next(bob.events, ({ event }) => event === 'message');
  tell(`bob reads: "${heard.text}"`);
  await next(alice.events, (event) => event.event === 'receipt' && event.id === id && event.state === 'delivered');
  tell('alice knows that the device of bob has it');

  await bob.client.send('And back. Nobody between us could read it.');
  tell(`alice reads: "${(await next(alice.events, ({ event }) => event === 'message')).text}"`);
  const { conversation } = alice.client.status();
  tell(
    `alice is connected to ${conversation.name}, path ${conversation.path}, round trip ${conversation.rttMs?.toFixed(2)} ms`,
  );

  const count = 10_000;
  const from = performance.now();
  const received = (async () => {
    for (let n = 0; n < count; n += 1) await next(bob.events, ({ event }) => event === 'message');
  })();
  for (let n = 0; n < count; n += 1) await alice.client.send(`number ${n}`);
  await received;
  const rate = Math.round(count / ((performance.now() - from) / 1000));
  tell(`${count} more messages arrived, each once and in order, ${rate} a second`);

  await alice.client.enter('lab');
  await bob.client.enter('lab');
  await carol.client.enter('lab');
  tell('alice opened the room "lab", bob and carol entered: each has a link to each other');
  await carol.client.send('Good morning, everyone.');
  for (const { events } of [alice, bob]) {
    await next(events, (event) => event.event === 'message' && event.room === 'lab' && event.from === 'carol');
  }
  tell('alice and bob read what carol said to the room');

  await alice.client.closeRoom('lab');
  await next(carol.events, (event) => event.event === 'room' && event.state === 'closed');
  tell('alice, its owner, closed the room for all');
} finally {
  for (const { client } of clients) await client.close();
  await server.stop();
  rmSync(folder, { recursive: true });
}
tell('everybody left; the server is down');
