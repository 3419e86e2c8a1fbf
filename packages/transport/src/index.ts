/** The reliable encrypted datagram transport between two devices, without a socket; see docs/protocol/transport.md. */
export type { Address } from './address.js';
export type {
  Aead,
  CryptoProvider,
  HashFunction,
  KeyAgreement,
  KeyEncapsulation,
  KeyPair,
  RandomSource,
} from './crypto-provider.js';
export { Endpoint, type EndpointOptions } from './endpoint.js';
export { closeCodes, TransportError, type TransportErrorCode } from './errors.js';
export type { Introduction } from './session/introduction.js';
export { defaultTransportConfig, transportLimits, type TransportConfig } from './limits.js';
export type { LinkEnd, LinkEvent, LinkState, LinkStatus, Transmit } from './link-event.js';
export type { Link } from './link.js';
