/** How a network changes under a client that is in a conversation. */
import type { NetworkNamespace } from './namespaces.js';
import { behind } from './grid.js';
import type { NatKind } from './nat-rules.js';
import type { Topology } from './topology.js';

/** A host, and the change: first the old network is gone, then there is one that works. */
export interface Traveller {
  readonly host: NetworkNamespace;
  readonly leave: () => Promise<void>;
  readonly arrive: () => Promise<void>;
}

/** The interface gets another address, as from another DHCP server. */
export async function getsAnotherAddress(topology: Topology): Promise<Traveller> {
  const { host, router } = await behindRouter(topology, 'port-restricted');
  return {
    host,
    leave: () => host.ip('address flush dev eth0'),
    arrive: async () => {
      await topology.renumber(host, 'eth0', router);
    },
  };
}

/** From one interface and router to others: the phone leaves the house. */
export async function goesFromWifiToMobile(topology: Topology): Promise<Traveller> {
  const { host } = await behindRouter(topology, 'port-restricted');
  const plan = { kind: 'port-restricted', prefix: '10.20.0' } as const;
  const mobile = await topology.addRouter('mobile', topology.internet, plan);
  return {
    host,
    leave: () => host.ip('link set eth0 down'),
    arrive: async () => {
      await topology.connect(host, 'eth1', mobile);
    },
  };
}

/** The router comes back with another public address; the client's own stays. */
export async function routerGetsAnotherAddress(topology: Topology): Promise<Traveller> {
  const { host, router } = await behindRouter(topology, 'port-restricted');
  return {
    host,
    leave: () => router.namespace.ip('address flush dev wan'),
    arrive: async () => {
      await topology.renumber(router.namespace, 'wan', topology.internet);
    },
  };
}

/** The router forgets its mappings, and makes others at the same address. What is masqueraded goes with the device. */
export async function routerForgets(topology: Topology): Promise<Traveller> {
  const { host, router } = await behindRouter(topology, 'endpoint-dependent');
  return {
    host,
    leave: () => router.namespace.ip('link set wan down'),
    arrive: () =>
      router.namespace.ip('link set wan up', `route replace default via ${topology.internet.gateway} dev wan`),
  };
}

async function behindRouter(topology: Topology, kind: Exclude<NatKind, 'none'>) {
  const { host, router } = await behind(topology, 'alice', kind);
  if (!router) throw new Error('every kind but none has a router');
  return { host, router };
}
