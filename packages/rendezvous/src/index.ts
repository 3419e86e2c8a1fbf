/** How devices find each other's addresses: STUN (RFC 8489) and candidates. */
export { answerBindingRequest, BindingTransaction, type BindingState } from './binding.js';
export {
  gatherCandidates,
  reachableCandidates,
  type GatherInput,
  type HostCandidate,
  type InterfaceAddress,
} from './candidates.js';
export { looksLikeStun, type Address } from './stun-message.js';
