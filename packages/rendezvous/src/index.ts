/** How devices find each other: STUN (RFC 8489), candidates, what kind of NAT there is, and the blind relay. */
export { answerBindingRequest, BindingTransaction, type BindingAnswer, type BindingState } from './binding.js';
export {
  gatherCandidates,
  reachableCandidates,
  type Candidate,
  type CandidateKind,
  type GatherInput,
  type InterfaceAddress,
  type TargetRules,
} from './candidates.js';
export { describeNat, describePath, describeVerdict } from './describe-path.js';
export {
  NatDiscovery,
  type NatDiscoveryOptions,
  type NatFindings,
  type SeenFiltering,
  type SeenMapping,
} from './nat-discovery.js';
export { PathAgent, type PathAction, type PathAgentOptions } from './path-agent.js';
export type { PathStatus } from './path-health.js';
export { decodeOffer, encodeOffer, unknownNat, type NatKind, type PathOffer } from './path-offer.js';
export type { PairKind, PairReport, PairState } from './path-pair.js';
export type { NotDirect, PathPolicy, PathReport, Verdict, Where } from './path-report.js';
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
export { policyAccepts } from './remote-addresses.js';
export { relayAddress, routeOf, spareAddress, type Route } from './virtual-address.js';
