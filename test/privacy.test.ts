/** The server introduces people and hears nothing: all bytes it reads and writes, and all it keeps, are looked at. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:dgram';
import { connect, createServer, type AddressInfo, type Server, type Socket as TcpSocket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { World, type Person } from './world.js';

/** Sits before the server as its only way in, and keeps every byte of both directions. */
class Tap {
  readonly #server: Server;
  readonly #sockets = new Set<TcpSocket>();
  readonly #chunks: Buffer[] = [];

  private constructor(port: number) {
    this.#server = createServer((client) => {
      const server = connect(port, '127.0.0.1');
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#sockets.add(from);
        from.on('data', (chunk) => {
          this.#chunks.push(chunk);
          to.write(chunk);
        });
        from.on('close', () => to.destroy());
        from.on('error', () => to.destroy());
      }
    });
  }

  static async before(port: number): Promise<Tap> {
    const tap = new Tap(port);
    await new Promise<void>((resolve) => tap.#server.listen(0, '127.0.0.1', resolve));
    return tap;
  }

  get address(): string {
    return `127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

let world: World;
let tap: Tap;
/** What came and went through the server's UDP socket. */
const datagrams: Buffer[] = [];

function tapUdp(socket: Socket): void {
  socket.on('message', (bytes) => datagrams.push(bytes));
  const send = socket.send.bind(socket) as (...args: unknown[]) => void;
  Object.assign(socket, {
    send: (bytes: Uint8Array, ...rest: unknown[]) => {
      datagrams.push(Buffer.from(bytes));
      send(bytes, ...rest);
    },
  });
}

beforeEach(async () => {
  world = new World();
  datagrams.length = 0;
  const onSocket = (message: unknown): void => {
    tapUdp((message as { socket: Socket }).socket);
  };
  // Node tells of every UDP socket that is made: here the server's alone.
  subscribe('udp.socket', onSocket);
  // Without TLS, so that the tap reads what the server reads.
  await world.startServer({ tls: false });
  unsubscribe('udp.socket', onSocket);
  tap = await Tap.before(world.server.control.port);
});
afterEach(async () => {
  await world.close();
  await tap.close();
});

async function member(name: string): Promise<Person> {
  const person = await world.person(name, { tls: false });
  await person.client.connect(tap.address);
  await person.client.register(name, 'correct-horse');
  return person;
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

    const seen = [tap.bytes, Buffer.concat(datagrams), ...keptFiles(join(world.folder, 'server'))];
    // The taps do see what goes through the server: who calls whom, and a question and an answer of STUN for each.
    expect(datagrams.length).toBeGreaterThanOrEqual(6);
    expect(seen.some((bytes) => bytes.includes('"peer":"bob"'))).toBe(true);
    for (const disguise of disguises(secret)) expect(seen.some((bytes) => bytes.includes(disguise))).toBe(false);
  });

  it('does not grow with what is said, so it is not there in another form either', async () => {
    const [alice, bob] = [await member('alice'), await member('bob')];
    await alice.client.open('bob');
    await bob.next('session', { state: 'opened' });
    const bytes = (): number => tap.bytes.length + Buffer.concat(datagrams).length;
    const before = bytes();
    const text = randomBytes(6000).toString('hex');
    for (let n = 0; n < 200; n += 1) await alice.client.send(text);
    await alice.say('done', 'bob');
    expect(bob.unseen.filter(({ event }) => event === 'message')).toHaveLength(201);
    // Over 2 MB were said; pings and nothing else went by the server.
    expect(bytes() - before).toBeLessThan(2000);
  });
});
