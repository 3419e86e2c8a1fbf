/** Any bytes on any UDP port: silence, and nobody is disturbed. */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { platform } from 'node:process';
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

/** The UDP ports of this process, which are the server's and the clients', but the stranger's own. */
function ownUdpPorts(): number[] {
  // Linux lists all sockets by inode (proc(5)), and which of them are ours.
  const inodes = new Set(
    readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1] ?? [];
      } catch {
        // Closed meanwhile.
        return [];
      }
    }),
  );
  return readFileSync('/proc/self/net/udp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => inodes.has(columns[9] ?? ''))
    .map(([, local]) => parseInt(local?.split(':')[1] ?? '', 16))
    .filter((port) => port !== stranger.address().port);
}

const onLinux = platform === 'linux' ? describe : describe.skip;
if (platform !== 'linux') console.warn('skipped: which UDP ports are ours is known on Linux only');

onLinux('strangers on UDP', () => {
  it('get silence from server and clients, whatever they send, and a session beside it goes on', async () => {
    const alice = await world.member('alice');
    const bob = await world.member('bob');
    await alice.client.open('bob');
    const ports = ownUdpPorts();
    // Two of the server, for STUN at both, and one of each client.
    expect(ports).toHaveLength(4);
    expect(ports).toContain(world.server.udp.port);
    expect(ports).toContain(world.server.otherUdp.port);
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

  it('get silence for broken STUN, and one answer for a good one', async () => {
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
