import type { CryptoProvider } from '../crypto-provider.js';
import { nodeCrypto } from './node-crypto.js';
import { sodiumCrypto } from './sodium-crypto.js';

/** The fastest provider there is here: sodium-native where it is installed and works, node:crypto else. */
export function bestCrypto(): CryptoProvider {
  return sodiumCrypto() ?? nodeCrypto;
}
