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
  it('are every interface of a socket bound everywhere, loopback last, then what STUN saw', () => {
    const found = gatherCandidates({ interfaces, bound: { address: '::', port: 9 }, reflexive, most: 32 });
    expect(found).toEqual([
      { kind: 'host', address: '192.168.1.5', port: 9 },
      { kind: 'host', address: '2001:db8::5', port: 9 },
      { kind: 'host', address: '127.0.0.1', port: 9 },
      { kind: 'reflexive', address: '203.0.113.7', port: 40_000 },
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
    'example.org',
    '',
  ])('%s is not sent to', (address) => {
    expect(reachableCandidates([at(address)])).toEqual([]);
  });
});
