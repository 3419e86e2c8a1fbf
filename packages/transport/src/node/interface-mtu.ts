/** How large a datagram the interface towards a peer carries: larger ones are cut up by the system, without a word. */
import { createSocket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Address } from '../address.js';

/** Headers of IP and UDP. */
const ipv4HeaderBytes = 28;
const ipv6HeaderBytes = 48;
/** Assumed where the system does not tell: what Ethernet carries. */
const usualMtuBytes = 1_500;
/** Connecting a UDP socket sends nothing, so any port will do; not that of the peer, who may pretend to have port 0. */
const anyPort = 9;
/** UDP itself takes no more; the tens are left alone. */
const largestDatagramBytes = 65_000;

/** The largest datagram for a peer, in bytes of UDP payload. Never rejects. */
export async function largestDatagramTo(peer: Address): Promise<number> {
  const headerBytes = isIPv6(peer.address) ? ipv6HeaderBytes : ipv4HeaderBytes;
  const mtuBytes = (await mtuTowards(peer)) ?? usualMtuBytes;
  return Math.min(mtuBytes - headerBytes, largestDatagramBytes);
}

async function mtuTowards(peer: Address): Promise<number | undefined> {
  try {
    const name = await interfaceTowards(peer);
    return name === undefined ? undefined : await mtuOf(name);
  } catch {
    // No more sockets, no such interface, no such file: the system does not tell.
    return undefined;
  }
}

/** By the address that a socket gets when it is connected; no packet is sent for that. */
async function interfaceTowards(peer: Address): Promise<string | undefined> {
  const local = await localAddressTowards(peer);
  const interfaces = Object.entries(networkInterfaces());
  // What goes to an address of this machine goes over its loopback interface.
  const isOwn = interfaces.some(([, addresses]) => addresses?.some(({ address }) => address === peer.address));
  for (const [name, addresses] of interfaces) {
    for (const { address, internal } of addresses ?? []) if (isOwn ? internal : address === local) return name;
  }
  return undefined;
}

async function localAddressTowards(peer: Address): Promise<string | undefined> {
  const socket = createSocket(isIPv6(peer.address) ? 'udp6' : 'udp4');
  try {
    return await new Promise<string | undefined>((resolve) => {
      socket.once('error', () => {
        resolve(undefined);
      });
      socket.connect(anyPort, peer.address, () => {
        resolve(socket.address().address);
      });
    });
  } finally {
    socket.close();
  }
}

/** Linux tells; other systems have no file for it. */
async function mtuOf(name: string): Promise<number | undefined> {
  const mtuBytes = Number(await readFile(`/sys/class/net/${name}/mtu`, 'utf8'));
  return Number.isInteger(mtuBytes) && mtuBytes > 0 ? mtuBytes : undefined;
}
