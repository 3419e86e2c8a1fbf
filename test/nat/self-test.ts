/** The laboratory's test of itself: a cell tells nothing if its NAT is not what it claims. */
import { Program } from '../programs.js';
import type { Cell } from './cell.js';
import { behind } from './grid.js';
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

export const selfTests: readonly Cell[] = claims.map(({ name, expected, build }) => ({
  name: `laboratory: ${name}`,
  run: (alone) =>
    alone.take(async (endTurn) => {
      endTurn();
      const seen = await examine(build);
      const keys = ['mapping', 'filtering', 'hairpin'] as const;
      const problems = keys
        .filter((key) => seen[key] !== expected[key])
        .map((key) => `${key} is ${String(seen[key])}, not ${String(expected[key])}`);
      return { problems, note: `mapping ${seen.mapping ?? '-'}, filtering ${seen.filtering ?? '-'}` };
    }),
}));

async function examine(build: Claim['build']): Promise<ProbeFindings> {
  const topology = await Topology.create();
  const programs: Program[] = [];
  try {
    const host = await build(topology);
    const start = (namespace: NetworkNamespace, role: string): Program => {
      const places = [topology.serverAddress, topology.secondAddress];
      const program = new Program('ip', namespace.within(process.execPath, [probeProgram, role, ...places]));
      programs.push(program);
      return program;
    };
    const server = start(topology.internet.namespace, 'server');
    await server.until(() => server.lines.length > 0, 'the server of the probe');
    const client = start(host, 'client');
    await client.until(() => client.lines.length > 0, 'the findings of the probe');
    return JSON.parse(client.lines[0]!) as ProbeFindings;
  } finally {
    await Promise.all(programs.map((program) => program.kill('SIGKILL')));
    await topology.remove();
  }
}
