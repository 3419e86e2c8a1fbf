/** STUN Binding at the two UDP ports of a real server. */
import { spawnSync, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { BindingTransaction, encodeRelayFrame } from '@parley/rendezvous';
import { startServer, type RunningServer } from '../compose.js';
import { NetworkRates } from '../dispatch/network-rates.js';
import { silentLog } from '../log.js';
import type { StartOptions } from '../options.js';
import { UdpListener } from './udp-listener.js';

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(options: Partial<StartOptions> = {}): Promise<RunningServer> {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'parley-stun-'));
  const server = await startServer({
    ...{ dataDirectory, host: '127.0.0.1', port: 0, tls: false, bcryptCost: 4 },
    ...options,
  });
  closers.push(async () => {
    await server.stop();
    rmSync(dataDirectory, { recursive: true });
  });
  return server;
}

async function openSocket(port = 0): Promise<Socket> {
  const socket = createSocket('udp4');
  closers.push(() => socket.close());
  const listening = once(socket, 'listening');
  socket.bind({ address: '127.0.0.1', port });
  await listening;
  return socket;
}

function request(asksOtherPort = false): Buffer {
  const transactionId = Uint8Array.from({ length: 12 }, (_, i) => i);
  return Buffer.from(new BindingTransaction(0, transactionId, { asksOtherPort }).handleTimeout(0)!);
}

async function answered(socket: Socket): Promise<number> {
  const [, { port }] = (await once(socket, 'message')) as [Buffer, { port: number }];
  return port;
}

describe('both UDP ports', () => {
  it('answer, each by itself or by the other as asked', async () => {
    const server = await start();
    const socket = await openSocket();
    const [first, second] = [server.udp.port, server.otherUdp.port];
    const seen: number[] = [];
    for (const [port, asksOther] of [
      [first, false],
      [first, true],
      [second, false],
      [second, true],
    ] as const) {
      socket.send(request(asksOther), port, '127.0.0.1');
      seen.push(await answered(socket));
    }
    expect(seen).toEqual([first, second, second, first]);
  });

  it('are next to each other where that is free, else the second is any', async () => {
    const taken = await openSocket();
    const { port } = taken.address();
    const server = await start({ port: port - 1 }).catch(() => undefined);
    // The port before a free one is rarely in use; then there is nothing to see here.
    if (server) {
      expect(server.udp.port).toBe(port - 1);
      expect([0, port]).not.toContain(server.otherUdp.port);
    }
    const next = await start();
    expect(next.otherUdp.port).not.toBe(next.udp.port);
  });

  it('answer a network so often, together, and then are silent', async () => {
    const [first, second, client] = [await openSocket(), await openSocket(), await openSocket()];
    // What is no STUN comes back, so one can see when all before it was dealt with: UDP on loopback keeps the order.
    const listener = new UdpListener(first, second, {
      stunRates: new NetworkRates({ burst: 5, perSecond: 1 }, () => 0),
      relay: (from, bytes) => {
        listener.send(bytes, from);
      },
      log: silentLog,
    });
    client.send(request(), second.address().port, '127.0.0.1');
    await answered(client);
    const marker = encodeRelayFrame({ type: 'bound', side: 0, channel: 1 });
    for (let i = 0; i < 10; i += 1) client.send(request(), first.address().port, '127.0.0.1');
    client.send(marker, first.address().port, '127.0.0.1');
    let answers = 0;
    await new Promise<void>((resolve) => {
      client.on('message', (bytes) => {
        if (bytes.equals(marker)) resolve();
        else answers += 1;
      });
    });
    expect(answers).toBe(4);
  });
});

const hasCoturn = spawnSync('turnutils_stunclient').error === undefined;
if (!hasCoturn)
  process.stderr.write('skipped: STUN by a client of others, for turnutils_stunclient (coturn) is not installed\n');

(hasCoturn ? describe : describe.skip)('the STUN client of coturn', () => {
  async function run(program: string, args: string[]): Promise<string> {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += String(chunk)));
    await once(child, 'close');
    return text;
  }

  it('is told its address', async () => {
    const { udp } = await start();
    const text = await run('turnutils_stunclient', ['-p', String(udp.port), '-L', '127.0.0.1', '127.0.0.1']);
    expect(text).toMatch(/UDP reflexive addr: 127\.0\.0\.1:\d+/);
  });

  it('is told it over IPv6, at the second port', async () => {
    const server = await start({ host: '::1' }).catch(() => undefined);
    if (!server) {
      process.stderr.write('skipped: STUN over IPv6, which this machine has not\n');
      return;
    }
    const text = await run('turnutils_stunclient', ['-p', String(server.otherUdp.port), '-L', '::1', '::1']);
    expect(text).toMatch(/UDP reflexive addr: \[?::1\]?:\d+/);
  });
});
