/** Builds a client from its real parts: files, a UDP socket, TCP. */
import { readFileSync } from 'node:fs';
import { ParleyError } from '@parley/protocol';
import { TransportError } from '@parley/transport';
import { generateKeyPair, publicKeyOf, UdpTransport } from '@parley/transport/node';
import type { AcceptPolicy } from './engine/api.js';
import { Client } from './engine/client.js';
import { Profile } from './engine/profile.js';
import { Reachability } from './engine/reachability.js';
import { defaultSettings, type EngineSettings } from './engine/settings.js';

export interface ClientOptions {
  /** The folder of this client's files: its device key and what it has pinned. One process at a time uses it. */
  readonly home: string;
  /** The address its UDP socket binds; every interface unless told. */
  readonly bind?: string;
  /** Whether the server is spoken to over TLS; true unless told. */
  readonly tls?: boolean;
  /** Who may start a session with this user; `auto` unless told. */
  readonly accept?: AcceptPolicy;
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
        reachability.handleDatagram(bytes, from);
      },
      onError: (error) => {
        rethrowUnlessOfSocket(error);
      },
      ...(options.bind === undefined ? {} : { host: options.bind }),
    });
    const reachability = new Reachability(transport);
    return new Client({
      profile,
      transport,
      reachability,
      settings,
      tls: options.tls ?? true,
      accept: options.accept ?? 'auto',
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
