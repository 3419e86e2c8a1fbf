/** A seeded virtual network and clock for tests of protocols that know no socket. */
export { perfectConditions, type Conditions } from './conditions.js';
export {
  Host,
  Network,
  type Address,
  type Fate,
  type NetworkOptions,
  type Protocol,
  type TraceRecord,
} from './network.js';
export { SeededRandom } from './seeded-random.js';
