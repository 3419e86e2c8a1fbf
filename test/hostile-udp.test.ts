/** Any bytes on any UDP port: silence, and nobody is disturbed. */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { World } from './world.js';

let world: World;
let stranger: Socket;
const answers: Buffer[] = [];
beforeEach(async () => {
  world = new World();
  await world.startServer();
  answers.length = 0;
  stranger = createSocket('udp4').on('message', (bytes) => answers.push(bytes));
  await new Promise<void>((resolve) => stranger.bind(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  stranger.close();
  await world.close();
});

/** The UDP ports of this process but the stranger's own: one of each client, found where they published them. */
async function udpPortsOf(names: readonly string[]): Promise<number[]> {
  const { readFileSync } = await import('node:fs');
  const own = stranger.address().port;
  // Linux lists the sockets; each client's is bound to 127.0.0.1.
  const ports = readFileSync('/proc/self/net/udp', 'utf8')
    .split('\n')
    .slice(1)
    .map((line) => /^\s*\d+: 0100007F:([0-9A-F]{4})/.exec(line)?.[1])
    .flatMap((hex) => (hex ? [parseInt(hex, 16)] : []))
    .filter((port) => port !== own);
  expect(ports.length).toBeGreaterThanOrEqual(names.length + 1);
  return ports;
}

describe('strangers on UDP', () => {
  it('get silence from server and clients, whatever they send, and a session beside it goes on', async () => {
    const alice = await world.member('alice');
    const bob = await world.member('bob');
    await alice.client.open('bob');
    const ports = await udpPortsOf(['alice', 'bob']);
    const before = answers.length;
    for (let n = 0; n < 3000; n += 1) {
      const bytes = randomBytes(1 + Math.floor(Math.random() * 1400));
      // Not STUN, which the server answers by design; everything else, our own first bytes among it.
      bytes[0] = n % 2 === 0 ? 0x50 + (n % 16) : 4 + Math.floor(Math.random() * 252);
      for (const port of ports) stranger.send(bytes, port, '127.0.0.1');
      if (n % 200 === 0) await alice.say(`number ${String(n)}`, 'bob');
    }
    for (let n = 0; n < 3000; n += 200)
      expect(await bob.next('message')).toMatchObject({ text: `number ${String(n)}` });
    expect(answers.length).toBe(before);
  });

  it('get silence for broken STUN, and one answer, not larger, for a good one', async () => {
    const { udp } = world.server;
    const request = Buffer.from(`000100002112a442${'07'.repeat(12)}`, 'hex');
    for (let length = 0; length < request.length; length += 1)
      stranger.send(request.subarray(0, length), udp.port, '127.0.0.1');
    stranger.send(Buffer.concat([request, Buffer.alloc(1)]), udp.port, '127.0.0.1');
    stranger.send(Buffer.from(`000100002112a443${'07'.repeat(12)}`, 'hex'), udp.port, '127.0.0.1');
    stranger.send(Buffer.from(`010100002112a442${'07'.repeat(12)}`, 'hex'), udp.port, '127.0.0.1');
    stranger.send(request, udp.port, '127.0.0.1');
    while (answers.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    // UDP on loopback keeps its order: the answers to what came before would be here by now.
    expect(answers).toHaveLength(1);
    expect(answers[0]?.subarray(0, 2).toString('hex')).toBe('0101');
    expect(answers[0]?.length).toBe(32);
  });
});
