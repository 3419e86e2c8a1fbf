/** Finds servers on the LAN by DNS-SD (RFC 6763) over multicast DNS (RFC 6762): asks, listens a bounded time, lists. */
import { isIPv4, isIPv6 } from 'node:net';
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os';
import { lanService, ParleyError } from '@parley/protocol';
import { printable } from '@parley/text';
import type { Answer, Packet, Question, SrvAnswer } from 'dns-packet';
import makeMdns from 'multicast-dns';
import type { CallOptions, FoundServer } from './api.js';

export interface DiscoveryOptions extends CallOptions {
  readonly interfaces?: () => NodeJS.Dict<NetworkInterfaceInfo[]>;
  /** @param address IPv4, of the interface to ask on. */
  readonly openSocket?: (address: string, handlers: DiscoveryHandlers) => DiscoverySocket;
  readonly waitMs?: number;
}

export interface DiscoveryHandlers {
  packet(packet: Packet, from: { readonly address: string; readonly port: number }): void;
  failed(error: Error): void;
}

export interface DiscoverySocket {
  ask(questions: Question[]): void;
  close(): void;
}

/** Servers answer within 120 ms; the second question is for what Wi-Fi lost. */
const waitMs = 2_000;
const foundMax = 32;
/** Hostile answers: more than this is not remembered. Servers there may be, and addresses of each. */
const instancesMax = 256;
const addressesMax = 8;
const interfacesMax = 32;

/**
 * The servers that say they are on the LAN, by name; at most 32. Nothing proves that they are what they say: connecting
 * shows the certificate.
 * @throws ParleyError ABORTED; ADDRESS_UNUSABLE when the LAN can be asked on no interface
 */
export async function discoverServers(options: DiscoveryOptions = {}): Promise<FoundServer[]> {
  const { signal, openSocket = openMdns, interfaces = networkInterfaces } = options;
  const sightings = new ServerSightings();
  const addresses = Object.values(interfaces()).flatMap((infos = []) =>
    infos.filter(({ family, internal }) => family === 'IPv4' && !internal).slice(0, 1),
  );
  const sockets = new Map<string, DiscoverySocket>();
  let failure: Error | undefined;
  for (const { address } of addresses.slice(0, interfacesMax)) {
    const socket = openSocket(address, {
      packet: (packet, from) => {
        if (packet.type === 'response' && from.port === lanService.port) sightings.take(packet);
      },
      failed: (error) => {
        failure = error;
        sockets.delete(address);
        socket.close();
      },
    });
    sockets.set(address, socket);
  }
  const ask = (): void => {
    for (const socket of sockets.values()) socket.ask(sightings.questions());
  };
  try {
    ask();
    const untilMs = options.waitMs ?? waitMs;
    await pause(untilMs / 2, signal);
    ask();
    await pause(untilMs / 2, signal);
  } finally {
    for (const socket of sockets.values()) socket.close();
  }
  if (sockets.size === 0) {
    const why = failure?.message ?? 'no interface has an IPv4 address';
    throw new ParleyError('ADDRESS_UNUSABLE', `the LAN cannot be asked: ${why}`, { cause: failure });
  }
  return sightings.found();
}

interface Sighting {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** Puts together what answers say, whatever order they come in. Bounded; what makes no sense is left out. */
export class ServerSightings {
  /** Keys in lower case: instances that were named, those whose place is known, and addresses of hosts. */
  readonly #named = new Set<string>();
  readonly #places = new Map<string, Sighting>();
  readonly #addresses = new Map<string, Set<string>>();

  take({ answers = [], additionals = [] }: Packet): void {
    for (const record of [...answers, ...additionals]) this.#takeRecord(record);
  }

  /** What to ask: who is there, and what they have not said of themselves. */
  questions(): Question[] {
    const unplaced = [...this.#named].filter((name) => !this.#places.has(name));
    const unaddressed = [...this.#places.values()].filter(({ host }) => !this.#addresses.has(host));
    return [
      { name: lanService.type, type: 'PTR' },
      ...unplaced.map((name): Question => ({ name, type: 'SRV' })),
      ...unaddressed.map(({ host }): Question => ({ name: host, type: 'A' })),
    ].slice(0, foundMax) as Question[];
  }

  found(): FoundServer[] {
    const complete = [...this.#places.values()].flatMap(({ name, host, port }): FoundServer[] => {
      // IPv4 first: it is what the answers came over.
      const addresses = [...(this.#addresses.get(host) ?? [])].sort((a, b) => Number(isIPv6(a)) - Number(isIPv6(b)));
      const [address] = addresses;
      return address === undefined ? [] : [{ name, host, port, address }];
    });
    const key = ({ name, address, port }: FoundServer): string => `${name}\n${address}\n${String(port)}`;
    return complete.sort((a, b) => (key(a) < key(b) ? -1 : 1)).slice(0, foundMax);
  }

  #takeRecord(record: Answer): void {
    if (record.type === 'PTR') this.#takeName(record.name, record.data, record.ttl);
    else if (record.type === 'SRV') this.#takePlace(record);
    else if (record.type === 'A' || record.type === 'AAAA') this.#takeAddress(record.name, record.data, record.ttl);
  }

  // A record of no time is taken back (RFC 6762, section 10.1), and counts as never seen.

  #takeName(type: string, instance: string, ttl: number | undefined): void {
    const key = instance.toLowerCase();
    if (type.toLowerCase() !== lanService.type || instanceLabel(instance) === undefined) return;
    if (ttl === 0) {
      this.#named.delete(key);
      this.#places.delete(key);
    } else if (this.#named.size < instancesMax) this.#named.add(key);
  }

  #takePlace(record: SrvAnswer): void {
    const name = instanceLabel(record.name);
    const key = record.name.toLowerCase();
    const host = record.data.target.toLowerCase().replace(/\.$/, '');
    const { port } = record.data;
    if (name === undefined || port < 1 || !isHostName(host)) return;
    if (record.ttl === 0) this.#places.delete(key);
    else if (this.#places.size < instancesMax || this.#places.has(key)) this.#places.set(key, { name, host, port });
  }

  #takeAddress(name: string, address: string, ttl: number | undefined): void {
    const host = name.toLowerCase();
    if (ttl === 0 || !isHostName(host) || !canBeServer(address)) return;
    const known = this.#addresses.get(host) ?? new Set();
    if (known.size === 0 && this.#addresses.size >= instancesMax) return;
    if (known.size < addressesMax) this.#addresses.set(host, known.add(address));
  }
}

/** What stands before the type of the service, safe for a screen; undefined for a name that is none of ours. */
function instanceLabel(name: string): string | undefined {
  const suffix = `.${lanService.type}`;
  if (!name.toLowerCase().endsWith(suffix)) return undefined;
  const label = name.slice(0, -suffix.length);
  return label === '' || Buffer.byteLength(label) > lanService.labelMaxBytes ? undefined : printable(label);
}

function isHostName(host: string): boolean {
  return host.length <= 253 && /^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/.test(host);
}

/** An address of one machine, other than ours: whoever announces 127.0.0.1 sends us to ourselves. */
function canBeServer(address: string): boolean {
  if (isIPv4(address)) return !/^(0|127|22[4-9]|23\d|24\d|25[0-5])\./.test(address);
  return isIPv6(address) && !/^(::|ff|fe[89ab])/i.test(address);
}

/** Multicast DNS on one interface. Where the port is taken by who does not share it, answers come to us alone. */
function openMdns(address: string, handlers: DiscoveryHandlers): DiscoverySocket {
  let isClosed = false;
  let asked: Question[] = [];
  const open = (bind: '0.0.0.0' | false): makeMdns.MulticastDNS => {
    const mdns = makeMdns({ interface: address, bind });
    mdns.on('packet', (packet: Packet, from: { address: string; port: number }) => {
      if (!isClosed) handlers.packet(packet, from);
    });
    mdns.on('error', (error) => {
      if (isClosed || mdns !== current) return;
      if (bind === false) {
        handlers.failed(error);
        return;
      }
      mdns.destroy();
      current = open(false);
      ask();
    });
    return mdns;
  };
  const ask = (): void => {
    const mdns = current;
    mdns.query(asked, (error) => {
      if (error && !isClosed && mdns === current) handlers.failed(error);
    });
  };
  let current = open('0.0.0.0');
  return {
    ask: (questions) => {
      asked = questions;
      ask();
    },
    close: () => {
      isClosed = true;
      current.destroy();
    },
  };
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(new ParleyError('ABORTED'));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}
