/** How far an IP address reaches, from its bytes. */
import { parseIp } from './stun-message.js';

/**
 * `none`: not one host that a datagram may be sent to: unspecified, multicast, broadcast, reserved, or an IPv4 address in
 * IPv6 form, which would pass for something else (RFC 1122, section 3.2.1.3; RFC 4291, section 2).
 * `private` holds the shared addresses of carriers, too (RFC 1918, RFC 4193, RFC 6598).
 */
export type IpScope = 'none' | 'loopback' | 'link-local' | 'private' | 'public';

/** @param ip 4 or 16 bytes */
export function scopeOf(ip: Uint8Array): IpScope {
  return ip.length === 4 ? scopeOfIpv4(ip) : scopeOfIpv6(ip);
}

/** @returns `none` for what is no IP address in text form */
export function scopeOfText(address: string): IpScope {
  const ip = parseIp(address);
  return ip ? scopeOf(ip) : 'none';
}

/** @returns undefined for what is no IP address in text form */
export function familyOf(address: string): 4 | 6 | undefined {
  const length = parseIp(address)?.length;
  return length === 4 ? 4 : length === 16 ? 6 : undefined;
}

function scopeOfIpv4([a = 0, b = 0]: Uint8Array): IpScope {
  if (a === 0 || a >= 224) return 'none';
  if (a === 127) return 'loopback';
  if (a === 169 && b === 254) return 'link-local';
  const isPrivate = a === 10 || (a === 172 && b >> 4 === 1) || (a === 192 && b === 168) || (a === 100 && b >> 6 === 1);
  return isPrivate ? 'private' : 'public';
}

/** 64:ff9b::/96 (RFC 6052): an IPv4 address, whatever it is, behind a translator. */
const translated = [0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0];

function scopeOfIpv6(ip: Uint8Array): IpScope {
  const [a = 0, b = 0] = ip;
  if (ip.subarray(0, 10).every((byte) => byte === 0)) {
    const isLoopback = ip.subarray(10, 15).every((byte) => byte === 0) && ip[15] === 1;
    return isLoopback ? 'loopback' : 'none';
  }
  if (a === 0xff || translated.every((byte, i) => byte === ip[i])) return 'none';
  if (a === 0xfe && b >> 6 === 2) return 'link-local';
  return a >> 1 === 0xfc >> 1 ? 'private' : 'public';
}
