import type { NetworkInterfaceInfo } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import { lanService } from '@parley/protocol';
import { printable } from '@parley/text';
import type { Answer, Packet, Question } from 'dns-packet';
import fc from 'fast-check';
import { discoverServers, ServerSightings, type DiscoveryHandlers, type DiscoverySocket } from './lan-discovery.js';

function instance(label: string): string {
  return `${label}.${lanService.type}`;
}

function ptr(label: string, ttl = 4_500): Answer {
  return { type: 'PTR', name: lanService.type, ttl, data: instance(label) };
}

function srv(label: string, target: string, port = 7420, ttl = 120): Answer {
  return { type: 'SRV', name: instance(label), ttl, data: { port, target } };
}

function a(name: string, data: string): Answer {
  return { type: data.includes(':') ? 'AAAA' : 'A', name, ttl: 120, data };
}

function sighted(...answers: Answer[]): ServerSightings {
  const sightings = new ServerSightings();
  sightings.take({ answers });
  return sightings;
}

const attic = [ptr('attic'), srv('attic', 'attic.local'), a('attic.local', '192.0.2.5')];
const foundAttic = { name: 'attic', host: 'attic.local', port: 7420, address: '192.0.2.5' };

describe('ServerSightings', () => {
  it('puts a server together in whatever order and packet its records come', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(attic, { minLength: 3 }), fc.boolean(), (records, together) => {
        const sightings = new ServerSightings();
        if (together) sightings.take({ answers: records.slice(0, 1), additionals: records.slice(1) });
        else for (const record of records) sightings.take({ answers: [record] });
        expect(sightings.found()).toEqual([foundAttic]);
      }),
    );
  });

  it('asks for what is missing', () => {
    const sightings = new ServerSightings();
    const list = { name: lanService.type, type: 'PTR' };
    expect(sightings.questions()).toEqual([list]);
    sightings.take({ answers: [ptr('Attic')] });
    expect(sightings.questions()).toEqual([list, { name: instance('attic'), type: 'SRV' }]);
    sightings.take({ answers: [srv('Attic', 'Attic.local.')] });
    expect(sightings.questions()).toEqual([list, { name: 'attic.local', type: 'A' }]);
    sightings.take({ answers: [a('attic.local', '192.0.2.5')] });
    expect(sightings.questions()).toEqual([list]);
  });

  it('takes an IPv4 address before an IPv6 one, sorts by name, knows no server twice', () => {
    const found = sighted(...attic, ...attic, srv('den', 'den.local', 9), a('den.local', '2001:db8::5')).found();
    expect(found).toEqual([foundAttic, { name: 'den', host: 'den.local', port: 9, address: '2001:db8::5' }]);
    expect(sighted(a('attic.local', '2001:db8::5'), ...attic).found()).toEqual([foundAttic]);
  });

  it('forgets who says goodbye', () => {
    expect(sighted(...attic, ptr('attic', 0)).found()).toEqual([]);
    expect(sighted(...attic, srv('attic', 'attic.local', 7420, 0)).found()).toEqual([]);
  });

  it.each<[string, Answer[]]>([
    ['loopback', [a('attic.local', '127.0.0.1')]],
    ['IPv6 loopback', [a('attic.local', '::1')]],
    ['no address', [a('attic.local', '0.0.0.0')]],
    ['multicast', [a('attic.local', '224.0.0.251')]],
    ['broadcast', [a('attic.local', '255.255.255.255')]],
    ['IPv6 multicast', [a('attic.local', 'ff02::fb')]],
    ['a mapped address', [a('attic.local', '::ffff:127.0.0.1')]],
    ['link-local IPv6, which needs a zone', [a('attic.local', 'fe80::1')]],
    ['another host', [a('other.local', '192.0.2.5')]],
  ])('shows no server whose address is %s', (_what, records) => {
    expect(sighted(...attic.slice(0, 2), ...records).found()).toEqual([]);
  });

  it.each<[string, Answer]>([
    ['port 0', srv('attic', 'attic.local', 0)],
    ['no host name', srv('attic', 'attic local')],
    ['control characters in the host', srv('attic', 'at\u001btic.local')],
    ['another service', { type: 'SRV', name: 'attic._http._tcp.local', data: { port: 80, target: 'attic.local' } }],
    ['no name', srv('', 'attic.local')],
    ['a name longer than a label', srv('x'.repeat(64), 'attic.local')],
  ])('shows no server with %s', (_what, record) => {
    expect(sighted(record, a('attic.local', '192.0.2.5')).found()).toEqual([]);
  });

  it('shows nothing raw', () => {
    const [found] = sighted(srv('\u001b[31mattic\u202e\n', 'attic.local'), a('attic.local', '192.0.2.5')).found();
    expect(found?.name).toBe('\\u{1b}[31mattic\\u{202e}\\u{a}');
  });

  it('holds a bounded number of servers, names and addresses, whatever comes', () => {
    const sightings = sighted(...attic);
    for (let i = 0; i < 5_000; i += 1) {
      const name = String(i);
      sightings.take({ answers: [ptr(`x${name}`), srv(name, `h${name}.local`), a(`h${name}.local`, '192.0.2.9')] });
      sightings.take({ answers: [a('attic.local', `192.0.2.${String(i % 256)}`)] });
    }
    expect(sightings.found()).toHaveLength(32);
    expect(sightings.questions()).toHaveLength(32);
  });

  it('gives only printable names and addresses to connect to, from any records', () => {
    const name = fc.oneof(fc.constantFrom('attic.local', lanService.type, instance('attic')), fc.string());
    const data = fc.oneof(fc.constantFrom('192.0.2.5', '2001:db8::5'), fc.string());
    const record = fc.oneof(
      fc.record({ type: fc.constantFrom('PTR', 'A', 'AAAA', 'TXT'), name, ttl: fc.nat(1), data }),
      fc.record({
        type: fc.constant('SRV'),
        name: fc.string().map(instance),
        data: fc.record({ port: fc.nat(65_535), target: name }),
      }),
    );
    fc.assert(
      fc.property(fc.array(record), (records) => {
        for (const server of sighted(...(records as unknown as Answer[]), a('attic.local', '192.0.2.5')).found()) {
          expect(printable(server.name)).toBe(server.name);
          expect(server.host).toMatch(/^[a-z0-9_.-]+$/);
          expect(server.port).toBeGreaterThan(0);
        }
      }),
    );
  });
});

class FakeLan {
  readonly sockets = new Map<string, { handlers: DiscoveryHandlers; asked: Question[][]; closed: boolean }>();

  readonly open = (address: string, handlers: DiscoveryHandlers): DiscoverySocket => {
    const socket = { handlers, asked: [] as Question[][], closed: false };
    this.sockets.set(address, socket);
    return {
      ask: (questions) => {
        socket.asked.push(questions);
        this.onAsk?.(address, socket.asked.length);
      },
      close: () => {
        socket.closed = true;
      },
    };
  };
  onAsk: ((address: string, times: number) => void) | undefined;

  answer(address: string, packet: Packet, port = 5_353): void {
    this.sockets.get(address)?.handlers.packet(packet, { address: '192.0.2.9', port });
  }
}

function info(address: string, internal = false): NetworkInterfaceInfo {
  return { address, netmask: '', mac: '', internal, cidr: null, family: 'IPv4' };
}

const interfaces = () => ({
  lo: [info('127.0.0.1', true)],
  eth0: [info('192.0.2.1'), info('192.0.2.2')],
  wlan0: [info('198.51.100.1')],
});

describe('discoverServers', () => {
  it('asks twice on each interface, once, and lets go of all', async () => {
    const lan = new FakeLan();
    lan.onAsk = (address, times) => {
      if (address === '198.51.100.1' && times === 2) lan.answer(address, { type: 'response', answers: attic });
    };
    expect(await discoverServers({ interfaces, openSocket: lan.open, waitMs: 10 })).toEqual([foundAttic]);
    expect([...lan.sockets.keys()]).toEqual(['192.0.2.1', '198.51.100.1']);
    for (const { asked, closed } of lan.sockets.values()) expect([asked.length, closed]).toEqual([2, true]);
  });

  it('believes no question, and no answer from another port', async () => {
    const lan = new FakeLan();
    lan.onAsk = (address) => {
      lan.answer(address, { type: 'query', answers: attic });
      lan.answer(address, { type: 'response', answers: attic }, 5_354);
    };
    expect(await discoverServers({ interfaces, openSocket: lan.open, waitMs: 10 })).toEqual([]);
  });

  it('goes on where one interface fails, and says so where all do', async () => {
    const lan = new FakeLan();
    lan.onAsk = (address) => {
      if (address === '192.0.2.1') lan.sockets.get(address)?.handlers.failed(new Error('send ENETUNREACH'));
      else lan.answer(address, { type: 'response', answers: attic });
    };
    expect(await discoverServers({ interfaces, openSocket: lan.open, waitMs: 10 })).toEqual([foundAttic]);
    lan.onAsk = (address) => lan.sockets.get(address)?.handlers.failed(new Error('send ENETUNREACH'));
    await expect(discoverServers({ interfaces, openSocket: lan.open, waitMs: 10 })).rejects.toMatchObject({
      code: 'ADDRESS_UNUSABLE',
      message: 'the LAN cannot be asked: send ENETUNREACH',
    });
    await expect(discoverServers({ interfaces: () => ({}), waitMs: 10 })).rejects.toMatchObject({
      code: 'ADDRESS_UNUSABLE',
    });
  });

  it('can be given up', async () => {
    const lan = new FakeLan();
    const stop = new AbortController();
    lan.onAsk = () => {
      stop.abort();
    };
    const options = { interfaces, openSocket: lan.open, waitMs: 600_000, signal: stop.signal };
    await expect(discoverServers(options)).rejects.toMatchObject({ code: 'ABORTED' });
    for (const { closed } of lan.sockets.values()) expect(closed).toBe(true);
    await expect(discoverServers(options)).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
