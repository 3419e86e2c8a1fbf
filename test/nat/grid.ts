/** All cells: every pair of NATs, and the networks that are no pair. */
import type { Cell } from './cell.js';
import { conversationCell, promisedBetween, soonDirect, type Promised } from './conversation-cell.js';
import type { NetworkNamespace } from './namespaces.js';
import { natKinds, type NatKind } from './nat-rules.js';
import { carrierPrefix, type Router, type RouterPlan, type Segment, type Topology } from './topology.js';

const relayed: Promised = { path: 'relayed', withinMs: 2_000 };

/** A host behind a NAT of a kind: on the internet itself, or behind a router of its own. */
export async function behind(
  topology: Topology,
  name: string,
  kind: NatKind,
  plan: Omit<RouterPlan, 'kind'> & { readonly outside?: Segment } = {},
): Promise<{ readonly host: NetworkNamespace; readonly router: Router | undefined }> {
  const { outside = topology.internet, ...rest } = plan;
  const router = kind === 'none' ? undefined : await topology.addRouter(`${name}r`, outside, { kind, ...rest });
  return { host: await topology.addHost(name, router ?? outside), router };
}

const pairs: Cell[] = natKinds.flatMap((a) =>
  natKinds.map((b) =>
    conversationCell(`${a}×${b}`, promisedBetween(a, b), async (topology) => ({
      alice: (await behind(topology, 'alice', a)).host,
      bob: (await behind(topology, 'bob', b)).host,
    })),
  ),
);

/** Two homes behind one carrier's NAT, which is the only address that the internet knows. */
function sameCarrier(hairpin: boolean) {
  return async (topology: Topology) => {
    const plan = { kind: 'endpoint-independent', prefix: carrierPrefix, hairpin } as const;
    const outside = await topology.addRouter('carrier', topology.internet, plan);
    const alice = await behind(topology, 'alice', 'port-restricted', { outside });
    const bob = await behind(topology, 'bob', 'port-restricted', { outside });
    return { alice: alice.host, bob: bob.host };
  };
}

function udpBlocked(a: boolean, b: boolean) {
  return async (topology: Topology) => ({
    alice: (await behind(topology, 'alice', 'port-restricted', { blocksUdp: a })).host,
    bob: (await behind(topology, 'bob', 'port-restricted', { blocksUdp: b })).host,
  });
}

const others: Cell[] = [
  conversationCell('same LAN', soonDirect, async (topology) => {
    const home = await topology.addRouter('home', topology.internet, { kind: 'port-restricted' });
    return { alice: await topology.addHost('alice', home), bob: await topology.addHost('bob', home) };
  }),
  conversationCell('double NAT×port-restricted', soonDirect, async (topology) => {
    const plan = { kind: 'address-restricted', prefix: carrierPrefix } as const;
    const outside = await topology.addRouter('carrier', topology.internet, plan);
    const alice = await behind(topology, 'alice', 'port-restricted', { outside });
    return { alice: alice.host, bob: (await behind(topology, 'bob', 'port-restricted')).host };
  }),
  conversationCell('same carrier, hairpin', soonDirect, sameCarrier(true)),
  conversationCell('same carrier, no hairpin', relayed, sameCarrier(false)),
  conversationCell('UDP blocked×port-restricted', relayed, udpBlocked(true, false)),
  conversationCell('port-restricted×UDP blocked', relayed, udpBlocked(false, true)),
  conversationCell('UDP blocked×UDP blocked', relayed, udpBlocked(true, true)),
  conversationCell(
    'IPv6 only',
    soonDirect,
    async (topology) => ({
      alice: await topology.addHost('alice', topology.internet),
      bob: await topology.addHost('bob', topology.internet),
    }),
    6,
  ),
  conversationCell(
    'IPv6 only, firewalls',
    soonDirect,
    async (topology) => ({
      alice: await topology.addHost('alice', await topology.addFirewall('alicer', 'fd00:a:0:0')),
      bob: await topology.addHost('bob', await topology.addFirewall('bobr', 'fd00:b:0:0')),
    }),
    6,
  ),
];

export const conversations: readonly Cell[] = [...pairs, ...others];
