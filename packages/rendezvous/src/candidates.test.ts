import { describe, expect, it } from '@jest/globals';
import { gatherCandidates, reachableCandidates } from './candidates.js';

const interfaces = [
  { address: '127.0.0.1', internal: true },
  { address: '192.168.1.5', internal: false },
  { address: '2001:db8::5', internal: false },
  { address: 'fe80::1', internal: false },
];
const reflexive = { address: '203.0.113.7', port: 40_000 };

describe('candidates', () => {
  it('are every interface of a socket bound everywhere, what STUN saw, then loopback', () => {
    const found = gatherCandidates({ interfaces, bound: { address: '::', port: 9 }, reflexive, most: 32 });
    expect(found).toEqual([
      { kind: 'host', address: '192.168.1.5', port: 9 },
      { kind: 'host', address: '2001:db8::5', port: 9 },
      { kind: 'reflexive', address: '203.0.113.7', port: 40_000 },
      { kind: 'host', address: '127.0.0.1', port: 9 },
    ]);
  });

  it('have no loopback where it is of no use', () => {
    const bound = { address: '::', port: 9 };
    const found = gatherCandidates({ interfaces, bound, reflexive: undefined, mayUseLoopback: false, most: 32 });
    expect(found.map(({ address }) => address)).toEqual(['192.168.1.5', '2001:db8::5']);
  });

  it('name what the router gave before what STUN saw, and interfaces of containers behind both', () => {
    const found = gatherCandidates({
      interfaces: [{ address: '172.17.0.1', internal: false, name: 'docker0' }, ...interfaces],
      bound: { address: '0.0.0.0', port: 9 },
      reflexive,
      mapped: { address: '203.0.113.7', port: 9 },
      most: 32,
    });
    expect(found.map(({ kind, address }) => `${kind} ${address}`)).toEqual([
      'host 192.168.1.5',
      'mapped 203.0.113.7',
      'reflexive 203.0.113.7',
      'host 172.17.0.1',
      'host 127.0.0.1',
    ]);
  });

  it('are IPv4 only for an IPv4 socket', () => {
    const found = gatherCandidates({
      interfaces,
      bound: { address: '0.0.0.0', port: 9 },
      reflexive: undefined,
      most: 32,
    });
    expect(found.map(({ address }) => address)).toEqual(['192.168.1.5', '127.0.0.1']);
  });

  it('are the one address of a socket bound to it', () => {
    const found = gatherCandidates({
      interfaces,
      bound: { address: '127.0.0.1', port: 9 },
      reflexive: undefined,
      most: 32,
    });
    expect(found).toEqual([{ kind: 'host', address: '127.0.0.1', port: 9 }]);
  });

  it('name an address once, when STUN saw no translation', () => {
    const seen = { address: '192.168.1.5', port: 9 };
    const found = gatherCandidates({ interfaces, bound: { address: '0.0.0.0', port: 9 }, reflexive: seen, most: 32 });
    expect(found.filter(({ address }) => address === '192.168.1.5')).toHaveLength(1);
  });

  it('keep what STUN saw when there are too many', () => {
    const many = Array.from({ length: 50 }, (_, i) => ({ address: `10.0.0.${String(i)}`, internal: false }));
    const found = gatherCandidates({ interfaces: many, bound: { address: '0.0.0.0', port: 9 }, reflexive, most: 4 });
    expect(found).toHaveLength(4);
    expect(found.at(-1)).toEqual({ kind: 'reflexive', ...reflexive });
  });
});

describe('candidates of somebody else', () => {
  const at = (address: string, port = 9) => ({ address, port });

  it('are taken once each', () => {
    const given = [
      at('192.0.2.1'),
      at('192.0.2.1'),
      at('192.0.2.1', 10),
      at('2001:db8::1'),
      at('2001:DB8:0::1'),
      at('127.0.0.1'),
      at('::1'),
    ];
    expect(reachableCandidates(given)).toEqual([given[0], given[2], given[3], given[5], given[6]]);
  });

  it('are written in one way, so that nobody passes by another spelling', () => {
    expect(reachableCandidates([at('2001:DB8:0::1')])).toEqual([at('2001:db8::1')]);
  });

  it.each([0, 53, 65_536, -1, 1.5])('port %d is not sent to', (port) => {
    expect(reachableCandidates([at('192.0.2.1', port)])).toEqual([]);
  });

  it("the server's own ports are not sent to, however they are written; other ports of it are", () => {
    const rules = { forbidden: [at('192.0.2.1', 4433), at('2001:db8::1', 4433)], mayUseLoopback: false };
    const given = [at('192.0.2.1', 4433), at('2001:DB8::0:1', 4433), at('192.0.2.1', 4434)];
    expect(reachableCandidates(given, rules)).toEqual([given[2]]);
  });

  it('loopback is sent to only where that is allowed', () => {
    const rules = { forbidden: [], mayUseLoopback: false };
    expect(reachableCandidates([at('127.0.0.1'), at('127.9.9.9'), at('::1'), at('10.0.0.1')], rules)).toEqual([
      at('10.0.0.1'),
    ]);
  });

  it.each([
    '0.0.0.0',
    '0.1.2.3',
    '224.0.0.1',
    '239.255.255.250',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::127.0.0.1',
    '::ffff:192.0.2.1',
    '64:ff9b::7f00:1',
    'fe80::1',
    'fe80::1%eth0',
    'relay',
    'via-1 192.0.2.1',
    'example.org',
    '',
  ])('%s is not sent to', (address) => {
    expect(reachableCandidates([at(address)])).toEqual([]);
  });
});
