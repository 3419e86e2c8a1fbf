import type { NetworkInterfaceInfo } from 'node:os';
import { afterEach, describe, expect, it } from '@jest/globals';
import { lanService } from '@parley/protocol';
import type { Packet } from 'dns-packet';
import { LanAnnouncement, type LanAnnouncementOptions, type MdnsHandlers } from './lan-announcement.js';
import { silentLog } from './log.js';

function info(cidr: string, internal = false): NetworkInterfaceInfo {
  const address = cidr.slice(0, cidr.indexOf('/'));
  const common = { address, netmask: '', mac: '', internal, cidr };
  return address.includes(':') ? { ...common, family: 'IPv6', scopeid: 0 } : { ...common, family: 'IPv4' };
}

const machine = {
  lo: [info('127.0.0.1/8', true), info('::1/128', true)],
  eth0: [info('192.0.2.5/24'), info('2001:db8::5/64'), info('fe80::5/64')],
  wlan0: [info('198.51.100.5/24')],
  tun0: [info('2001:db8:1::5/64')],
};

class FakeSocket {
  readonly sent: { packet: Packet; to?: { address: string; port: number } | undefined }[] = [];
  closed = false;
  readonly address: string;
  readonly handlers: MdnsHandlers;

  constructor(address: string, handlers: MdnsHandlers) {
    this.address = address;
    this.handlers = handlers;
  }

  send(packet: Packet, to?: { address: string; port: number }): Promise<void> {
    this.sent.push({ packet, to });
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

let announcement: LanAnnouncement | undefined;
afterEach(() => announcement?.stop());

function announce(options: Partial<LanAnnouncementOptions> = {}): FakeSocket[] {
  const sockets: FakeSocket[] = [];
  announcement = new LanAnnouncement({
    machine: 'attic.example.org',
    listens: { address: '::', port: 7420 },
    fingerprint: 'AB:CD:EF:01:23:45:67:89:AB:CD',
    version: '1.2.3',
    log: silentLog,
    interfaces: () => machine,
    openSocket: (address, handlers) => {
      const socket = new FakeSocket(address, handlers);
      sockets.push(socket);
      return socket;
    },
    ...options,
  });
  announcement.start();
  return sockets;
}

/** Until it is announced, in real time: about a second. */
async function announced(socket: FakeSocket): Promise<Packet> {
  for (;;) {
    const found = socket.sent.find(({ packet }) => packet.type === 'response');
    if (found) return found.packet;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('LanAnnouncement', () => {
  it.each([
    ['::', ['192.0.2.5', '198.51.100.5']],
    ['0.0.0.0', ['192.0.2.5', '198.51.100.5']],
    ['198.51.100.5', ['198.51.100.5']],
    ['2001:db8::5', ['192.0.2.5']],
    ['127.0.0.1', []],
    ['::1', []],
    ['203.0.113.1', []],
  ])('listening on %s it speaks on %j', (address, expected) => {
    expect(announce({ listens: { address, port: 7420 } }).map((socket) => socket.address)).toEqual(expected);
  });

  it('tells on each link the addresses there, and what a client wants to know', async () => {
    const [eth, wlan] = announce();
    const name = `Parley on attic.${lanService.type}`;
    const host = 'parley-abcdef012345.local';
    expect((await announced(eth!)).answers).toMatchObject([
      { type: 'PTR', data: name },
      { type: 'SRV', name, data: { port: 7420, target: host } },
      { type: 'TXT', name, data: ['version=1.2.3', 'port=7420', 'tls=1', 'fp=ABCDEF0123456789'] },
      { type: 'A', name: host, data: '192.0.2.5' },
      { type: 'AAAA', name: host, data: '2001:db8::5' },
    ]);
    const told = (await announced(wlan!)).answers ?? [];
    expect(told.filter(({ type }) => type.startsWith('A'))).toMatchObject([{ type: 'A', data: '198.51.100.5' }]);

    await announcement?.stop();
    for (const socket of [eth!, wlan!]) {
      expect(socket.sent.at(-1)?.packet.answers?.[0]).toMatchObject({ type: 'PTR', ttl: 0, data: name });
      expect(socket.closed).toBe(true);
    }
  });

  it('hears only who is on the link', async () => {
    const [eth] = announce();
    await announced(eth!);
    const before = eth!.sent.length;
    const packet: Packet = { type: 'query', questions: [{ name: lanService.type, type: 'PTR' }] };
    for (const address of ['198.51.100.9', '203.0.113.9', '::ffff:192.0.2.9', 'fe80::9']) {
      eth!.handlers.packet(packet, { address, port: 40_000 });
    }
    expect(eth!.sent).toHaveLength(before);
    eth!.handlers.packet(packet, { address: '192.0.2.9', port: 40_000 });
    expect(eth!.sent.slice(before)).toMatchObject([{ to: { address: '192.0.2.9', port: 40_000 } }]);
  });

  it('takes another name when its own is taken, on all links, and gives up after ten', async () => {
    const [eth, wlan] = announce({ machine: 'ü'.repeat(80) });
    const taken = (name: string): void => {
      const answers = [{ type: 'SRV' as const, name, data: { port: 1, target: 'x.local' } }];
      eth!.handlers.packet({ type: 'response', answers }, { address: '192.0.2.9', port: 5_353 });
    };
    const long = (suffix: string): string => {
      const clipped = `Parley on ${'ü'.repeat(80)}`.slice(0, 10 + Math.floor((63 - 10 - suffix.length) / 2));
      return `${clipped}${suffix}.${lanService.type}`;
    };
    taken(long(''));
    for (const socket of [eth!, wlan!]) {
      const { answers = [] } = await announced(socket);
      expect(answers.slice(0, 2)).toMatchObject([{ data: long(' (2)') }, { name: long(' (2)') }]);
    }
    for (let name = 2; name <= 9; name += 1) taken(long(` (${String(name)})`));
    expect(eth!.closed).toBe(false);
    taken(long(' (10)'));
    expect([eth!.closed, wlan!.closed]).toEqual([true, true]);
  });

  it('goes on without the link whose socket fails', async () => {
    const [eth, wlan] = announce();
    eth!.handlers.failed(new Error('bind EADDRINUSE 0.0.0.0:5353'));
    eth!.handlers.failed(new Error('once more'));
    expect(eth!.closed).toBe(true);
    await announced(wlan!);
    expect(eth!.sent.filter(({ packet }) => packet.type === 'response')).toEqual([]);
  });
});
