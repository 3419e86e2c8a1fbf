/** The transport over node:dgram and node:crypto. */
export { generateKeyPair, nodeCrypto, publicKeyOf } from './node-crypto.js';
export { UdpTransport, type LinkHandle, type LinkHandlers, type UdpTransportOptions } from './udp-transport.js';
