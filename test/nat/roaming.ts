/** The journeys that a conversation must survive. */
import type { Cell } from './cell.js';
import { behind } from './grid.js';
import { getsAnotherAddress, goesFromWifiToMobile, routerForgets, routerGetsAnotherAddress } from './journeys.js';
import type { NatKind } from './nat-rules.js';
import { roamingCell } from './roaming-cell.js';
import type { Topology } from './topology.js';

const bobBehind = (kind: NatKind) => async (topology: Topology) => (await behind(topology, 'bob', kind)).host;

export const roaming: readonly Cell[] = [
  roamingCell('another address', { alice: getsAnotherAddress, bob: bobBehind('port-restricted') }),
  roamingCell('Wi-Fi to mobile', { alice: goesFromWifiToMobile, bob: bobBehind('port-restricted') }),
  // Without a server nobody tells bob's router to let in the new address: it must let in all.
  roamingCell('Wi-Fi to mobile, server down', {
    alice: goesFromWifiToMobile,
    bob: bobBehind('endpoint-independent'),
    stopsServer: true,
  }),
  roamingCell('router with another address', { alice: routerGetsAnotherAddress, bob: bobBehind('port-restricted') }),
  roamingCell('router forgets', { alice: routerForgets, bob: bobBehind('address-restricted') }),
  roamingCell('router forgets, server down', {
    alice: routerForgets,
    bob: bobBehind('address-restricted'),
    stopsServer: true,
  }),
  roamingCell('asleep, awake elsewhere', {
    alice: getsAnotherAddress,
    bob: bobBehind('port-restricted'),
    sleeps: true,
  }),
];
