/** The laboratory's test of itself: a cell tells nothing if its NAT is not what it claims. */
import { Program } from '../programs.js';
import type { Cell, CellFindings } from './cell.js';
import { behind } from './grid.js';
import {
  getsAnotherAddress,
  goesFromWifiToMobile,
  routerForgets,
  routerGetsAnotherAddress,
  type Traveller,
} from './journeys.js';
import { probeProgram, type ProbeFindings } from './nat-probe.js';
import type { NetworkNamespace } from './namespaces.js';
import { carrierPrefix, Topology } from './topology.js';

interface Claim {
  readonly name: string;
  readonly expected: ProbeFindings;
  readonly build: (topology: Topology) => Promise<NetworkNamespace>;
}

const portRestricted: ProbeFindings = {
  mapping: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  hairpin: false,
};

const claims: readonly Claim[] = [
  {
    name: 'none',
    expected: { mapping: 'none', filtering: 'endpoint-independent', hairpin: true },
    build: async (topology) => (await behind(topology, 'probe', 'none')).host,
  },
  {
    name: 'endpoint-independent',
    expected: { mapping: 'endpoint-independent', filtering: 'endpoint-independent', hairpin: false },
    build: async (topology) => (await behind(topology, 'probe', 'endpoint-independent')).host,
  },
  {
    name: 'address-restricted',
    expected: { mapping: 'endpoint-independent', filtering: 'address-dependent', hairpin: false },
    build: async (topology) => (await behind(topology, 'probe', 'address-restricted')).host,
  },
  {
    name: 'port-restricted',
    expected: portRestricted,
    build: async (topology) => (await behind(topology, 'probe', 'port-restricted')).host,
  },
  {
    name: 'endpoint-dependent',
    expected: { mapping: 'address-and-port-dependent', filtering: 'address-and-port-dependent', hairpin: false },
    build: async (topology) => (await behind(topology, 'probe', 'endpoint-dependent')).host,
  },
  {
    name: 'double NAT',
    expected: portRestricted,
    build: async (topology) => {
      const plan = { kind: 'address-restricted', prefix: carrierPrefix } as const;
      const outside = await topology.addRouter('carrier', topology.internet, plan);
      return (await behind(topology, 'probe', 'port-restricted', { outside })).host;
    },
  },
  {
    name: 'hairpin',
    expected: { mapping: 'endpoint-independent', filtering: 'endpoint-independent', hairpin: true },
    build: async (topology) => (await behind(topology, 'probe', 'endpoint-independent', { hairpin: true })).host,
  },
  {
    name: 'UDP blocked',
    expected: { mapping: undefined, filtering: undefined, hairpin: false },
    build: async (topology) => (await behind(topology, 'probe', 'port-restricted', { blocksUdp: true })).host,
  },
];

const journeys: Readonly<Record<string, (topology: Topology) => Promise<Traveller>>> = {
  'another address': getsAnotherAddress,
  'Wi-Fi to mobile': goesFromWifiToMobile,
  'router with another address': routerGetsAnotherAddress,
  'router forgets': routerForgets,
};

export const selfTests: readonly Cell[] = [
  ...claims.map((claim) => selfTest(claim.name, (bench) => examine(bench, claim))),
  ...Object.entries(journeys).map(([name, prepare]) => selfTest(name, (bench) => watchJourney(bench, prepare))),
];

/** Networks with the probe's server in them. */
interface Bench {
  readonly topology: Topology;
  /** Starts the probe in a namespace. */
  readonly start: (namespace: NetworkNamespace, role: 'client' | 'watch') => Program;
}

function selfTest(name: string, act: (bench: Bench) => Promise<CellFindings>): Cell {
  return {
    name: `laboratory: ${name}`,
    run: (alone) =>
      alone.take(async (endTurn) => {
        endTurn();
        return withBench(act);
      }),
  };
}

async function withBench<T>(act: (bench: Bench) => Promise<T>): Promise<T> {
  const topology = await Topology.create();
  const programs: Program[] = [];
  const start = (namespace: NetworkNamespace, role: string): Program => {
    const places = [topology.serverAddress, topology.secondAddress];
    const program = new Program('ip', namespace.within(process.execPath, [probeProgram, role, ...places]));
    programs.push(program);
    return program;
  };
  try {
    await line(start(topology.internet.namespace, 'server'), 0);
    return await act({ topology, start });
  } finally {
    await Promise.all(programs.map((program) => program.kill('SIGKILL')));
    await topology.remove();
  }
}

async function examine({ topology, start }: Bench, { expected, build }: Claim): Promise<CellFindings> {
  const seen = JSON.parse(await line(start(await build(topology), 'client'), 0)) as ProbeFindings;
  const keys = ['mapping', 'filtering', 'hairpin'] as const;
  const problems = keys
    .filter((key) => seen[key] !== expected[key])
    .map((key) => `${key} is ${String(seen[key])}, not ${String(expected[key])}`);
  return { problems, note: `mapping ${seen.mapping ?? '-'}, filtering ${seen.filtering ?? '-'}` };
}

/** One socket, seen from outside, is another after the journey. */
async function watchJourney(
  { topology, start }: Bench,
  prepare: (topology: Topology) => Promise<Traveller>,
): Promise<CellFindings> {
  const { host, leave, arrive } = await prepare(topology);
  const probe = start(host, 'watch');
  const asked: string[] = [];
  for (const step of [undefined, leave, arrive]) {
    await step?.();
    probe.say('');
    asked.push(await line(probe, asked.length));
  }
  const [before = '', gone, after = ''] = asked;
  const problems: string[] = [];
  if (gone !== 'not at all') problems.push('the old network still works');
  if (before === after || !before.includes(':') || !after.includes(':')) problems.push('is seen as before');
  return { problems, note: `seen as ${before}, then as ${after}` };
}

async function line(program: Program, index: number): Promise<string> {
  await program.until(() => program.lines.length > index, 'a line of the probe');
  return program.lines[index]!;
}
