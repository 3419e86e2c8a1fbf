/**
 * Addresses that are no IP addresses, by which the transport reaches the peer all the same: its driver knows the way.
 *
 *     { address: 'relay', port: channel }            the other side of a channel of the relay
 *     { address: 'via-17 203.0.113.5', port: 4000 }  an IP address, from the spare socket 17 instead of the one socket
 */
import type { Address } from './stun-message.js';

export type Route =
  | { readonly kind: 'plain'; readonly to: Address }
  | { readonly kind: 'relay'; readonly channel: number }
  | { readonly kind: 'spare'; readonly socket: number; readonly to: Address };

const spare = /^via-(\d{1,5}) (\S+)$/;

export function relayAddress(channel: number): Address {
  return { address: 'relay', port: channel };
}

export function spareAddress(socket: number, to: Address): Address {
  return { address: `via-${String(socket)} ${to.address}`, port: to.port };
}

/** Which way an address goes. */
export function routeOf(to: Address): Route {
  if (to.address === 'relay') return { kind: 'relay', channel: to.port };
  const [, socket, address] = spare.exec(to.address) ?? [];
  if (socket === undefined || address === undefined) return { kind: 'plain', to };
  return { kind: 'spare', socket: Number(socket), to: { address, port: to.port } };
}
