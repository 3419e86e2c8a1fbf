/** A seeded virtual network and clock for tests of protocols that know no socket. */
export type { Address } from './address.js';
export { headerBytes, mbitPerS, perfectConditions, type Conditions, type GilbertElliott } from './conditions.js';
export { Host, type Protocol } from './host.js';
export { Nat, usualNat, type NatBehaviour, type NatOptions } from './nat.js';
export { Network, type Direction, type NetworkOptions } from './network.js';
export { Realm } from './realm.js';
export { SeededRandom } from './seeded-random.js';
export type { Fate, TraceRecord } from './trace.js';
