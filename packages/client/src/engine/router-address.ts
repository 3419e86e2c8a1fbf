/** What a router may say is its own address on the outside. */
import { isIPv4 } from 'node:net';

/** An address of one host, other than this one. A private one is usable: that is a router behind another. */
export function isUsableAddress(address: string): boolean {
  return isIPv4(address) && !/^(0|127|22[4-9]|23\d|24\d|25[0-5])\./.test(address);
}

/** RFC 1918 and RFC 6598: nobody beyond the next router can send there. */
export function isPrivateAddress(address: string): boolean {
  return /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|169\.254\.)/.test(
    address,
  );
}
