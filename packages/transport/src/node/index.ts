/** The transport over node:dgram and node:crypto. */
export { bestCrypto } from './best-crypto.js';
export { generateKeyPair, nodeCrypto, publicKeyOf } from './node-crypto.js';
export { pooledRandom } from './random-pool.js';
export { sodiumCrypto } from './sodium-crypto.js';
export { type LinkStream, type LinkHandle, type LinkHandlers, type StreamHandlers } from './link-handle.js';
export { UdpTransport, type UdpTransportOptions } from './udp-transport.js';
