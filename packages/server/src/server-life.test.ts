import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type ConnectionOptions } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startServer, type RunningServer } from './compose.js';
import type { StartOptions } from './options.js';
import { deviceKey, RawClient } from './raw-client.fixture.js';

let directory: string;
let running: RunningServer[];
let clients: RawClient[];
let closers: (() => void)[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'parley-life-'));
  running = [];
  clients = [];
  closers = [];
});

afterEach(async () => {
  for (const close of closers) close();
  for (const client of clients) client.socket.destroy();
  for (const server of running) await server.stop();
  rmSync(directory, { recursive: true });
});

async function start(options: Partial<StartOptions> = {}): Promise<RunningServer> {
  const server = await startServer({
    ...{ dataDirectory: directory, host: '127.0.0.1', port: 0, tls: false, bcryptCost: 4, lingerMs: 200 },
    ...options,
  });
  running.push(server);
  return server;
}

async function open(server: RunningServer): Promise<RawClient> {
  const client = await RawClient.open(server.control.port);
  clients.push(client);
  return client;
}

async function openTls(server: RunningServer, options: ConnectionOptions = {}): Promise<RawClient> {
  const client = await RawClient.openTls(server.control.port, options);
  clients.push(client);
  return client;
}

const failure = (code: string, exitCode: number) => expect.objectContaining({ name: 'StartFailure', code, exitCode });

describe('TLS', () => {
  it('shows the certificate that the fingerprint names, the same after a restart', async () => {
    const server = await start({ tls: true });
    const socket = connect({ host: '127.0.0.1', port: server.control.port, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const client = new RawClient(socket);
    clients.push(client);
    expect(socket.getProtocol()).toBe('TLSv1.3');
    expect(socket.getPeerCertificate().fingerprint256).toBe(server.fingerprint);
    expect(await client.call('server.ping')).toEqual({});
    await server.stop();
    const again = await start({ tls: true });
    expect(again.fingerprint).toBe(server.fingerprint);
    expect(statSync(join(directory, 'tls-key.pem')).mode & 0o777).toBe(0o600);
  });

  it('refuses older versions, and plain text', async () => {
    const server = await start({ tls: true });
    await expect(openTls(server, { maxVersion: 'TLSv1.2' })).rejects.toThrow();
    const plain = await open(server);
    plain.socket.on('data', () => undefined);
    plain.send('{"jsonrpc":"2.0","id":1,"method":"server.ping"}\n');
    await plain.closed;
    const client = await openTls(server);
    expect(await client.call('server.ping')).toEqual({});
  });

  it('does not start with a certificate whose key is gone, as that would show clients another', async () => {
    await (await start({ tls: true })).stop();
    unlinkSync(join(directory, 'tls-key.pem'));
    await expect(start({ tls: true })).rejects.toEqual(failure('DATA_CORRUPT', 2));
  });
});

describe('the number of clients', () => {
  it('is bounded: one more is told so in a line it can read, and the place of one who leaves is free', async () => {
    const server = await start({ maxClients: 2 });
    const [first, second] = [await open(server), await open(server)];
    await Promise.all([first.call('server.ping'), second.call('server.ping')]);
    const third = await open(server);
    third.ask('server.hello', { protocol: 1, agent: 'test' });
    expect((await third.reply(null)).error?.data.code).toBe('SERVER_FULL');
    await third.closed;
    expect(await first.call('server.ping')).toEqual({});
    first.socket.destroy();
    // The server hears of it a moment later.
    let welcome = false;
    while (!welcome) {
      const fourth = await open(server);
      welcome = await fourth.call('server.ping').then(
        () => true,
        () => false,
      );
      fourth.socket.destroy();
    }
  });

  it('is told over TLS too', async () => {
    const server = await start({ maxClients: 1, tls: true });
    const first = await openTls(server);
    await first.call('server.ping');
    const second = await openTls(server);
    expect((await second.reply(null)).error?.data.code).toBe('SERVER_FULL');
    await second.closed;
  });
});

describe('the pulse', () => {
  it('goes to every client, and one that is silent is dropped', async () => {
    const server = await start({ pingIntervalMs: 20 });
    const client = await open(server);
    await client.event('server.ping');
    await client.closed;
  });

  it('keeps one that pings', async () => {
    const server = await start({ pingIntervalMs: 100 });
    const client = await open(server);
    for (let pings = 0; pings < 4; pings += 1) {
      await client.event('server.ping');
      client.ask('server.ping');
    }
    expect(client.socket.destroyed).toBe(false);
  });
});

describe('a restart', () => {
  it('keeps accounts, rooms and resume tokens; sessions are restored by the word of both', async () => {
    const server = await start();
    const [anna, berta] = [await open(server), await open(server)];
    const tokens = [await anna.register('anna'), await berta.register('berta')];
    const { id } = await anna.call('room.enter', { room: 'lobby' });
    await server.stop();
    await Promise.all([anna.closed, berta.closed]);

    const again = await start();
    const [anna2, berta2] = [await open(again), await open(again)];
    await anna2.call('account.resume', { token: tokens[0]?.resumeToken });
    await berta2.call('account.resume', { token: tokens[1]?.resumeToken });
    expect(await anna2.call('room.enter', { room: 'lobby', id, linked: ['berta'] })).toMatchObject({
      owner: 'anna',
      members: ['anna'],
    });
    const session = { id: 'ab'.repeat(16) };
    await anna2.call('session.restore', { peer: 'berta', ...session });
    await berta2.call('session.restore', { peer: 'anna', ...session });
    expect(await again.execute('ls')).toMatchObject({ data: { sessions: [{ users: ['anna', 'berta'] }] } });
  });

  it('keeps no password and no token where they could be read', async () => {
    const server = await start();
    const client = await open(server);
    const { resumeToken } = await client.register('anna', 'canary-password');
    await server.stop();
    const files = readdirSync(directory).map((file) => readFileSync(join(directory, file), 'latin1'));
    expect(files.join()).toContain('anna');
    expect(files.join()).not.toContain('canary');
    expect(files.join()).not.toContain(resumeToken);
    expect(files.join()).not.toContain(Buffer.from(resumeToken, 'base64').toString('latin1'));
  });
});

describe('a stop', () => {
  it('tells every client, answers what waits, and closes', async () => {
    const server = await start();
    const [anna, berta] = [await open(server), await open(server)];
    await anna.register('anna');
    await berta.register('berta');
    const waiting = anna.ask('session.open', { peer: 'berta' });
    await berta.event('session.incoming');
    const stopping = server.stop();
    await anna.event('server.shutdown');
    await berta.event('server.shutdown');
    expect((await anna.reply(waiting)).error?.data.code).toBe('SERVER_SHUTDOWN');
    await Promise.all([anna.closed, berta.closed, stopping]);
    await expect(open(server)).rejects.toThrow('ECONNREFUSED');
  });

  it('does not wait for a client that does not read', async () => {
    const server = await start({ lingerMs: 50 });
    const client = await open(server);
    await client.call('server.ping');
    client.socket.pause();
    await server.stop();
  });

  it('does not wait for a password that is being hashed', async () => {
    const server = await start({ bcryptCost: 15 });
    const client = await open(server);
    const id = client.ask('account.register', { name: 'anna', password: 'password', deviceKey });
    await client.call('server.ping');
    await server.stop();
    expect((await client.reply(id)).error?.data.code).toBe('SERVER_SHUTDOWN');
  });
});

describe('the UDP port', () => {
  it('has the number of the TCP port, answers STUN Binding and nothing else', async () => {
    const server = await start();
    expect(server.udp).toEqual(server.control);
    const socket = createSocket('udp4');
    closers.push(() => socket.close());
    const received: Buffer[] = [];
    socket.on('message', (message) => received.push(message));
    const send = (bytes: Uint8Array) => {
      socket.send(bytes, server.udp.port, '127.0.0.1');
    };
    const request = Buffer.from(`000100002112a442${'0b'.repeat(12)}`, 'hex');
    send(Buffer.alloc(0));
    send(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    send(request.subarray(0, 19));
    send(Buffer.concat([request, Buffer.of(0)]));
    send(Buffer.from(`0101${request.toString('hex').slice(4)}`, 'hex'));
    // UDP on loopback keeps the order: what was to be answered before this would have come first.
    send(request);
    await once(socket, 'message');
    expect(received).toHaveLength(1);
    expect(received[0]?.subarray(0, 2)).toEqual(Buffer.from('0101', 'hex'));
    expect(received[0]?.subarray(8, 20)).toEqual(request.subarray(8));
    const port = (received[0]?.readUInt16BE(26) ?? 0) ^ 0x2112;
    expect(port).toBe(socket.address().port);
  });
});

describe('a start', () => {
  it('is refused for a port in use, over TCP or UDP', async () => {
    const tcp = createServer().listen({ host: '127.0.0.1', port: 0 });
    closers.push(() => tcp.close());
    await once(tcp, 'listening');
    await expect(start({ port: (tcp.address() as AddressInfo).port })).rejects.toEqual(failure('PORT_IN_USE', 3));
    const udp = createSocket('udp4');
    closers.push(() => udp.close());
    udp.bind({ address: '127.0.0.1', port: 0 });
    await once(udp, 'listening');
    await expect(start({ port: udp.address().port })).rejects.toEqual(failure('PORT_IN_USE', 3));
    // Nothing was left open: the directory is free.
    await start();
  });

  it('is refused for an address of another machine, and for a host without one', async () => {
    await expect(start({ host: '192.0.2.1' })).rejects.toEqual(failure('ADDRESS_UNUSABLE', 3));
    // No name has a label this long (RFC 1035, section 2.3.4), so no name server is asked.
    await expect(start({ host: `${'x'.repeat(64)}.invalid` })).rejects.toEqual(failure('ADDRESS_UNUSABLE', 3));
  });

  it('is refused for a directory in use, which goes on being served', async () => {
    const server = await start();
    await expect(start()).rejects.toEqual(failure('DATA_IN_USE', 1));
    const client = await open(server);
    expect(await client.call('server.ping')).toEqual({});
  });

  it('is refused when the pepper is gone and accounts need it, or when it is damaged', async () => {
    const server = await start();
    const client = await open(server);
    await client.register('anna');
    await server.stop();
    unlinkSync(join(directory, 'pepper'));
    await expect(start()).rejects.toEqual(failure('DATA_CORRUPT', 2));
    writeFileSync(join(directory, 'pepper'), 'salt');
    await expect(start()).rejects.toEqual(failure('DATA_CORRUPT', 2));
  });

  it('is refused when the database that the pepper belongs to is missing or empty', async () => {
    const server = await start();
    const client = await open(server);
    await client.register('anna');
    await server.stop();
    const files = readdirSync(directory).filter((name) => name.startsWith('parley.db'));
    for (const name of files) unlinkSync(join(directory, name));
    await expect(start()).rejects.toEqual(failure('DATA_CORRUPT', 2));
    writeFileSync(join(directory, 'parley.db'), '');
    await expect(start()).rejects.toEqual(failure('DATA_CORRUPT', 2));
  });

  it('listens on all interfaces unless told otherwise', async () => {
    const server = await start({ host: undefined });
    expect(['::', '0.0.0.0']).toContain(server.control.host);
    const client = await open(server);
    await client.register('anna');
    // An IPv4 client is shown by its IPv4 address.
    expect(await server.execute('lcu')).toMatchObject({ data: { users: [{ name: 'anna', address: '127.0.0.1' }] } });
  });
});
