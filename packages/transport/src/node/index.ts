/** The transport over node:dgram and node:crypto. */
export { bestCrypto } from './best-crypto.js';
export { generateKeyPair, nodeCrypto, publicKeyOf } from './node-crypto.js';
export { sodiumCrypto } from './sodium-crypto.js';
export { UdpTransport, type LinkHandle, type LinkHandlers, type UdpTransportOptions } from './udp-transport.js';
