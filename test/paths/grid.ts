/** The cells: every pair of NATs, the places where people really are, and what happens to them on the way. */
import type { Cell, Expected } from './cell.js';
import { fuzz } from './fuzz.js';
import { dies, losesAThird, moves, movesAndBindsAgain, rebinds } from './journeys.js';
import { natKinds, serverIps, type NatKindName, type Person, type Site, type Surroundings } from './sites.js';

/** What theory allows (HyperDHT's and Tailscale's tables say the same). */
function expectedOf(alice: NatKindName, bob: NatKindName): Expected {
  const pair = [alice, bob];
  if (!pair.includes('endpoint-dependent')) return 'direct';
  if (alice === bob) return 'relayed';
  return pair.includes('port-restricted') ? 'birthday' : 'direct';
}

type Sites = (surroundings: Surroundings) => Readonly<Record<Person, Site>>;

function behind(alice: NatKindName, bob: NatKindName): Sites {
  return (surroundings) => ({
    alice: surroundings.behind('alice', { nat: alice }),
    bob: surroundings.behind('bob', { nat: bob }),
  });
}

const usual = behind('port-restricted', 'port-restricted');
/** Of `npm test`; the gate runs 200 of each by `npm run sim -- --paths`. */
const suiteSeeds = 12;
const dearSeeds = 4;

const pairs: readonly Cell[] = natKinds.flatMap((alice) =>
  natKinds.map((bob) => {
    const expected = expectedOf(alice, bob);
    return {
      name: `${alice}, ${bob}`,
      expected,
      suiteSeeds: expected === 'birthday' ? dearSeeds : suiteSeeds,
      scene: { sites: behind(alice, bob) },
    };
  }),
);

function sameLan(hairpins: boolean): Sites {
  return (surroundings) => {
    const alice = surroundings.behind('alice', { nat: 'port-restricted', options: { hairpins } });
    return { alice, bob: surroundings.beside(alice) };
  };
}

function sameCarrier(hairpins: boolean): Sites {
  return (surroundings) => {
    const carrier = surroundings.carrier('alice', 'port-restricted', hairpins);
    return {
      alice: surroundings.behindCarrier(carrier, 'port-restricted', '100.64.0.2'),
      bob: surroundings.behindCarrier(carrier, 'address-restricted', '100.64.0.3'),
    };
  };
}

function doubleNat(surroundings: Surroundings): Readonly<Record<Person, Site>> {
  const behindTwo = (person: Person): Site =>
    surroundings.behindCarrier(surroundings.carrier(person, 'port-restricted', false), 'port-restricted', '100.64.0.2');
  return { alice: behindTwo('alice'), bob: behindTwo('bob') };
}

function udpBlocked(...whom: readonly Person[]): Sites {
  return (surroundings) => {
    const sites = usual(surroundings);
    for (const person of whom) surroundings.blockUdp(sites[person]);
    return sites;
  };
}

/** Two minutes, whatever is sent: as some carriers do. */
const absolute = { lifetimeMs: 120_000 } as const;
const longTalkMs = 300_000;

const places: readonly Cell[] = [
  { name: 'one LAN', expected: 'direct', suiteSeeds, scene: { sites: sameLan(false) } },
  { name: 'one LAN, hairpin', expected: 'direct', suiteSeeds, scene: { sites: sameLan(true) } },
  { name: 'double NAT', expected: 'direct', suiteSeeds, scene: { sites: doubleNat } },
  { name: 'one carrier, hairpin', expected: 'direct', suiteSeeds, scene: { sites: sameCarrier(true) } },
  { name: 'one carrier', expected: 'relayed', suiteSeeds, scene: { sites: sameCarrier(false) } },
  { name: 'UDP blocked here', expected: 'relayed', suiteSeeds, scene: { sites: udpBlocked('alice') } },
  { name: 'UDP blocked there', expected: 'relayed', suiteSeeds, scene: { sites: udpBlocked('bob') } },
  { name: 'UDP blocked', expected: 'relayed', suiteSeeds, scene: { sites: udpBlocked('alice', 'bob') } },
  {
    name: 'IPv6 only',
    expected: 'direct',
    suiteSeeds,
    scene: {
      serverIp: serverIps[6],
      sites: (surroundings) => ({
        alice: surroundings.open('alice', '2001:db8:0:a::1'),
        bob: surroundings.open('bob', '2001:db8:0:b::1'),
      }),
    },
  },
  { name: 'no relay', expected: 'direct', suiteSeeds, scene: { sites: usual, hasRelay: false } },
  {
    name: 'relay-only here',
    expected: 'relayed',
    suiteSeeds,
    scene: { sites: behind('none', 'none'), policies: { alice: 'relay-only' } },
  },
  {
    name: 'relay-only there',
    expected: 'relayed',
    suiteSeeds,
    scene: { sites: behind('none', 'none'), policies: { bob: 'relay-only' } },
  },
  {
    name: 'bindings end after two minutes',
    expected: 'direct',
    suiteSeeds: dearSeeds,
    scene: {
      sites: (surroundings) => ({
        alice: surroundings.behind('alice', { nat: 'port-restricted', options: absolute }),
        bob: surroundings.behind('bob', { nat: 'port-restricted' }),
      }),
    },
    talkMs: longTalkMs,
    isNeverAtRest: true,
  },
  {
    name: 'bindings of both end after two minutes',
    expected: 'direct',
    suiteSeeds: dearSeeds,
    scene: {
      sites: (surroundings) => ({
        alice: surroundings.behind('alice', { nat: 'address-restricted', options: absolute }),
        bob: surroundings.behind('bob', { nat: 'port-restricted', options: absolute }),
      }),
    },
    talkMs: longTalkMs,
    isNeverAtRest: true,
  },
];

function journey(name: string, sites: Sites, disturb: Cell['disturb'], expected: Expected = 'direct'): Cell {
  return { name, expected, suiteSeeds, scene: { sites }, ...(disturb && { disturb }) };
}

const journeys: readonly Cell[] = [
  journey('alice moves', usual, moves(['alice'])),
  journey('bob moves', usual, moves(['bob'])),
  journey('both move', usual, moves(['alice', 'bob'])),
  journey('alice moves, no server', behind('port-restricted', 'none'), moves(['alice'], { isServerDown: true })),
  journey('bob moves, no server', behind('none', 'port-restricted'), moves(['bob'], { isServerDown: true })),
  journey(
    'bob moves, no server, open filter',
    behind('endpoint-independent', 'port-restricted'),
    moves(['bob'], { isServerDown: true }),
  ),
  ...natKinds
    .filter((kind) => kind !== 'endpoint-dependent')
    .map((kind) => journey(`rebinding towards ${kind}`, behind('port-restricted', kind), rebinds('alice'))),
  journey('rebinding of bob', usual, rebinds('bob')),
  ...(['none', 'endpoint-independent', 'address-restricted'] as const).map((kind) =>
    journey(`rebinding towards ${kind}, no server`, behind('port-restricted', kind), rebinds('alice', true)),
  ),
  journey('rebinding after a move', usual, movesAndBindsAgain),
  journey('the path dies', usual, dies('both-ways')),
  journey('the path dies in one direction', usual, dies('one-way')),
  journey('the path loses a third', usual, losesAThird, 'direct'),
];

export const cells: readonly Cell[] = [...pairs, ...places, ...journeys, fuzz];
