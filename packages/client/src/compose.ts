/** Builds a client from its real parts: files, a UDP socket, TCP. */
import { readFileSync } from 'node:fs';
import { ParleyError } from '@parley/protocol';
import { looksLikeStun, routeOf, type Address } from '@parley/rendezvous';
import { TransportError } from '@parley/transport';
import { generateKeyPair, publicKeyOf, UdpTransport } from '@parley/transport/node';
import type { AcceptPolicy, PathPolicy } from './engine/api.js';
import { Client } from './engine/client.js';
import { Profile } from './engine/profile.js';
import { InterfaceWatch } from './engine/interface-watch.js';
import { PeerLinks, type Startable } from './engine/peer-links.js';
import { PortMapping } from './engine/port-mapping.js';
import { Reachability } from './engine/reachability.js';
import { RelayCarrier } from './engine/relay-carrier.js';
import { defaultSettings, type EngineSettings } from './engine/settings.js';
import { SpareSockets } from './engine/spare-sockets.js';

export interface ClientOptions {
  /** The folder of this client's files: its device key and what it has pinned. One process at a time uses it. */
  readonly home: string;
  /** The address its UDP socket binds; every interface unless told. */
  readonly bind?: string;
  /** Whether the server is spoken to over TLS; true unless told. */
  readonly tls?: boolean;
  /** Who may start a session with this user; `auto` unless told. */
  readonly accept?: AcceptPolicy;
  /** Which ways may be taken to others; `auto` unless told. */
  readonly path?: PathPolicy;
  /** Whether the router is asked for a port (NAT-PMP, UPnP); false unless told. */
  readonly portMapping?: boolean;
  readonly settings?: Partial<EngineSettings>;
}

/** Name and version, told to servers. */
const agent = `parley-client/${packageVersion()}`;

/** Opens a profile and a UDP socket. Close the client to give both free. */
export async function createClient(options: ClientOptions): Promise<Client> {
  const settings = { ...defaultSettings, ...options.settings };
  const profile = new Profile(options.home, { generateKeyPair, publicKeyOf });
  try {
    const transport = await UdpTransport.bind({
      keyPair: profile.keyPair,
      config: {
        pathTimeoutMs: settings.pathTimeoutMs,
        peerIdleTimeoutMs: settings.peerIdleTimeoutMs,
        keepAliveMs: settings.keepAliveMs,
        // The engine has waited for receipts before; this is for their last datagrams.
        lingerMs: 1_000,
        drainMs: 1_000,
      },
      onForeignDatagram: (bytes, from) => {
        if (looksLikeStun(bytes)) reachability.handleDatagram(bytes, from);
        else carrier.handleDatagram(bytes, from);
      },
      sendVirtual: (bytes, to) => {
        if (routeOf(to).kind === 'relay') carrier.send(bytes, to);
        else spares.send(bytes, to);
      },
      onError: (error) => {
        rethrowUnlessOfSocket(error);
      },
      ...(options.bind === undefined ? {} : { host: options.bind }),
    });
    const bound = transport.localAddress;
    const receive = (bytes: Uint8Array, from: Address): void => {
      transport.receiveVirtual(bytes, from);
    };
    const spares = new SpareSockets({ host: bound.address, receive });
    const sendUdp = (bytes: Uint8Array, to: Address): void => {
      transport.sendForeign(bytes, to);
    };
    const carrier = new RelayCarrier({ sendUdp, receive });
    const onChange = (): void => {
      links.onOwnCandidates();
    };
    const reachability = new Reachability({ bound, send: sendUdp, onChange });
    const mapping = new PortMapping({
      localPort: bound.port,
      onMapped: (address) => {
        reachability.setMapped(address);
      },
    });
    const watch = new InterfaceWatch({
      onChange: () => {
        mapping.refresh();
        links.onAddressChange();
      },
    });
    const isMapping = options.portMapping ?? false;
    const sources: Startable[] = isMapping ? [watch, mapping] : [watch];
    const portMapping = isMapping ? mapping : undefined;
    const { privateKey } = profile.keyPair;
    const { settleMs } = settings;
    const links = new PeerLinks({
      ...{ transport, reachability, carrier, spares, sources, portMapping, privateKey, settleMs },
    });
    return new Client({
      profile,
      links,
      settings,
      tls: options.tls ?? true,
      accept: options.accept ?? 'auto',
      path: options.path ?? 'auto',
      agent,
    });
  } catch (error) {
    profile.release();
    if (!(error instanceof TransportError)) throw error;
    const where = options.bind ?? 'any address';
    throw new ParleyError('ADDRESS_UNUSABLE', `cannot bind a UDP socket to ${where}: ${error.message}`, {
      cause: error,
    });
  }
}

/**
 * What a socket could not receive is lost, as it might be on the way: links repeat it, and one that hears nothing more
 * ends and is told as such. Anything else is a mistake in a handler of ours, which is not to go on unseen.
 */
export function rethrowUnlessOfSocket(error: unknown, later: (work: () => void) => void = setImmediate): void {
  if (error instanceof TransportError && error.code === 'SOCKET_FAILED') return;
  // Not in the middle of the transport's work.
  later(() => {
    throw error;
  });
}

export function packageVersion(): string {
  const file = new URL('../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
