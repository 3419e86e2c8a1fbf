/** Finds an Internet gateway device by SSDP (UPnP Device Architecture 1.1, section 1.3). */
import { createSocket } from 'node:dgram';
import { networkInterfaces } from 'node:os';

export interface UpnpSearchOptions {
  /** The only router that is believed; undefined: any on the LAN. */
  readonly gateway: () => string | undefined;
  /** Where searches go. */
  readonly to?: { readonly address: string; readonly port: number };
  /** IPv4 addresses of the interfaces to search on. */
  readonly interfaces?: () => readonly string[];
  readonly waitMs?: number;
}

const multicast = { address: '239.255.255.250', port: 1900 };
const waitMs = 2_000;
const interfacesMax = 16;
const answerMaxBytes = 2_048;

const targets = [
  'urn:schemas-upnp-org:device:InternetGatewayDevice:1',
  'urn:schemas-upnp-org:device:InternetGatewayDevice:2',
];

/**
 * The URL of the description of the first gateway that answers; undefined when none does in time. It is on the host
 * that answered: nobody makes us ask elsewhere.
 */
export async function searchGateway(options: UpnpSearchOptions, signal: AbortSignal): Promise<URL | undefined> {
  const addresses = (options.interfaces ?? ipv4Addresses)().slice(0, interfacesMax);
  if (signal.aborted || addresses.length === 0) return undefined;
  const ended = new AbortController();
  return new Promise((resolve) => {
    const end = (location?: URL): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      ended.abort();
      resolve(location);
    };
    const stop = (): void => {
      end();
    };
    const timer = setTimeout(stop, options.waitMs ?? waitMs);
    signal.addEventListener('abort', stop, { once: true });
    for (const address of addresses) searchOn(address, options, ended.signal, end);
  });
}

function searchOn(
  address: string,
  { gateway, to = multicast }: UpnpSearchOptions,
  signal: AbortSignal,
  found: (location: URL) => void,
): void {
  const only = gateway();
  const socket = createSocket({ type: 'udp4', signal });
  socket.on('message', (bytes, from) => {
    if (signal.aborted || (only !== undefined && from.address !== only)) return;
    const location = locationIn(bytes, from.address);
    if (location) found(location);
  });
  // An interface that multicasts nothing finds nobody.
  socket.on('error', () => undefined);
  socket.bind(0, address, () => {
    try {
      socket.setMulticastInterface(address);
    } catch {
      // It lost the address this moment.
      return;
    }
    for (const target of targets) {
      const lines = [
        'M-SEARCH * HTTP/1.1',
        `HOST: ${multicast.address}:${String(multicast.port)}`,
        'MAN: "ssdp:discover"',
        'MX: 1',
        `ST: ${target}`,
      ];
      socket.send(`${lines.join('\r\n')}\r\n\r\n`, to.port, to.address, () => undefined);
    }
  });
}

/** Undefined unless it is an answer that names a page on the host it came from. */
export function locationIn(bytes: Uint8Array, from: string): URL | undefined {
  if (bytes.length > answerMaxBytes) return undefined;
  const text = Buffer.from(bytes).toString('latin1');
  if (
    !/^HTTP\/1\.[01] 200\b/.test(text) ||
    !/^ST:[ \t]*urn:schemas-upnp-org:device:InternetGatewayDevice:/im.test(text)
  ) {
    return undefined;
  }
  const [, location = ''] = /^LOCATION:[ \t]*(\S+)[ \t]*\r?$/im.exec(text) ?? [];
  if (!URL.canParse(location)) return undefined;
  const url = new URL(location);
  return url.protocol === 'http:' && url.hostname === from && url.username === '' ? url : undefined;
}

function ipv4Addresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((infos = []) =>
    infos.filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address),
  );
}
