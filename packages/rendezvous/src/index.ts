/** How devices find each other: STUN (RFC 8489), candidates, what kind of NAT there is, and the blind relay. */
export { answerBindingRequest, BindingTransaction, type BindingAnswer, type BindingState } from './binding.js';
export {
  gatherCandidates,
  reachableCandidates,
  type GatherInput,
  type HostCandidate,
  type InterfaceAddress,
} from './candidates.js';
export {
  NatDiscovery,
  type NatDiscoveryOptions,
  type NatFindings,
  type SeenFiltering,
  type SeenMapping,
} from './nat-discovery.js';
export {
  Relay,
  type RelayGrant,
  type RelayLimits,
  type RelayOptions,
  type RelayPlace,
  type RelayTransmit,
} from './relay.js';
export { RelayBinding, type RelayBindingOptions } from './relay-binding.js';
export {
  decodeRelayFrame,
  encodeRelayFrame,
  looksLikeRelay,
  relayHeaderBytes,
  relayPayloadBytes,
  type RelayFrame,
  type RelaySide,
} from './relay-frames.js';
export { looksLikeStun, type Address } from './stun-message.js';
