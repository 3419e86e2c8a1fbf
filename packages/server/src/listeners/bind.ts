import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { lookup } from 'node:dns/promises';
import { isIPv6, type AddressInfo, type Server } from 'node:net';
import { controlFlags, StartFailure, type ListenFlags } from '../start-failure.js';

/** How often another free port is tried when UDP already uses the number that TCP got. */
const freePortTries = 20;

/** Every interface: of both families where there is IPv6, else of IPv4. */
const allInterfaces = ['::', '0.0.0.0'] as const;

interface TcpListener {
  readonly server: Server;
}

interface BoundPair<L> {
  readonly listener: L;
  readonly udp: UdpSocket;
  readonly otherUdp: UdpSocket;
  readonly address: AddressInfo;
}

/**
 * Binds a TCP server and a UDP socket to the same port of one address, and another UDP socket to the next one, or where
 * that is taken to one that is free.
 * @param host a name or address; undefined: all interfaces.
 * @param port 0 picks one that is free for both.
 * @throws StartFailure PORT_IN_USE, ADDRESS_UNUSABLE
 */
export async function bindPair<L extends TcpListener>(
  makeListener: () => L,
  host: string | undefined,
  port: number,
): Promise<BoundPair<L>> {
  const addresses = host === undefined ? allInterfaces : [await resolveHost(host)];
  for (const [index, address] of addresses.entries()) {
    try {
      return await bindAddress(makeListener, address, port);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      const familyMissing = code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL';
      if (!familyMissing || index === addresses.length - 1) throw bindFailure(address, port, cause);
    }
  }
  throw new Error('no address to bind');
}

async function bindAddress<L extends TcpListener>(
  makeListener: () => L,
  host: string,
  port: number,
): Promise<BoundPair<L>> {
  for (let tries = 1; ; tries += 1) {
    const listener = makeListener();
    const { server } = listener;
    server.listen({ host, port });
    await once(server, 'listening');
    const address = server.address() as AddressInfo;
    let udp: UdpSocket | undefined;
    try {
      udp = await bindUdp(host, address.port);
      return { listener, udp, otherUdp: await bindOtherUdp(host, address.port), address };
    } catch (error) {
      udp?.close();
      server.close();
      await once(server, 'close');
      const inUse = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!inUse || port !== 0 || tries >= freePortTries) throw error;
    }
  }
}

async function bindOtherUdp(host: string, port: number): Promise<UdpSocket> {
  try {
    return await bindUdp(host, port === 65_535 ? 0 : port + 1);
  } catch {
    // Whatever was wrong with that one: where no other can be had either, that is told.
    return bindUdp(host, 0);
  }
}

async function bindUdp(address: string, port: number): Promise<UdpSocket> {
  const isIpv6 = isIPv6(address);
  const udp = createSocket({
    type: isIpv6 ? 'udp6' : 'udp4',
    // Only addresses are sent to: nothing is looked up, and no datagram waits for a turn of the event loop.
    lookup: (host, _options, callback) => {
      callback(null, host, isIpv6 ? 6 : 4);
    },
  });
  try {
    // Where nothing is looked up it may listen at once.
    const listening = once(udp, 'listening');
    udp.bind({ address, port, exclusive: true });
    await listening;
    return udp;
  } catch (error) {
    udp.close();
    throw error;
  }
}

/** @throws StartFailure ADDRESS_UNUSABLE */
export async function resolveHost(host: string, flags: ListenFlags = controlFlags): Promise<string> {
  try {
    return (await lookup(host)).address;
  } catch (cause) {
    throw new StartFailure('ADDRESS_UNUSABLE', `no address is known for the host ${host}`, { cause, flags });
  }
}

/** Words for an address or port that cannot be listened on; other errors stay as they are. */
export function bindFailure(host: string, port: number, cause: unknown, flags: ListenFlags = controlFlags): unknown {
  const { code, syscall } = cause as NodeJS.ErrnoException;
  if (syscall !== 'listen' && syscall !== 'bind') return cause;
  const where = `port ${String(port)} of ${host}`;
  if (code === 'EADDRINUSE') {
    const protocol = syscall === 'bind' ? 'UDP' : 'TCP';
    return new StartFailure('PORT_IN_USE', `${protocol} ${where} is in use`, { cause, flags });
  }
  const why = `cannot listen on ${where} (${code ?? 'unknown error'})`;
  return new StartFailure('ADDRESS_UNUSABLE', why, { cause, flags });
}
