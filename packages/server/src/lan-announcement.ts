/** Announces the server on the LAN by DNS-SD, so that clients there find it without knowing its address. */
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os';
import { BlockList, isIPv4 } from 'node:net';
import { lanService } from '@parley/protocol';
import { plainLine } from '@parley/text';
import type { Packet } from 'dns-packet';
import makeMdns from 'multicast-dns';
import { endsWithin } from './bounded-wait.js';
import { DnsSdResponder, type AnnouncedService } from './dns-sd-responder.js';
import type { Log } from './log.js';

/** One interface's multicast DNS. */
interface MdnsSocket {
  /** @param to undefined: the multicast group. Settles when it is sent, or cannot be. */
  send(packet: Packet, to?: { readonly address: string; readonly port: number }): Promise<void>;
  close(): Promise<void>;
}

export interface MdnsHandlers {
  packet(packet: Packet, from: { readonly address: string; readonly port: number }): void;
  /** It cannot be used, or no more. */
  failed(error: Error): void;
}

export interface LanAnnouncementOptions {
  /** This machine's name. */
  readonly machine: string;
  /** Where the server listens. */
  readonly listens: { readonly address: string; readonly port: number };
  /** SHA-256 of the certificate, as it is shown; null without TLS. */
  readonly fingerprint: string | null;
  readonly version: string;
  readonly log: Log;
  readonly interfaces?: () => NodeJS.Dict<NetworkInterfaceInfo[]>;
  /** @param address IPv4, of the interface. */
  readonly openSocket?: (address: string, handlers: MdnsHandlers) => MdnsSocket;
}

interface Link {
  readonly name: string;
  readonly address: string;
  readonly addresses: readonly string[];
  readonly subnet: BlockList;
}

interface OpenLink extends Link {
  readonly socket: MdnsSocket;
  responder: DnsSdResponder;
  timer: NodeJS.Timeout | undefined;
}

/** An interface that comes or goes is noticed after so long. */
const interfacesPollMs = 10_000;
/** Whoever finds so many names taken is not among friends. */
const namesMax = 10;
/** On one interface; IPv6 privacy addresses pile up, and a packet has to hold all. */
const addressesMax = 8;
/** A goodbye that the system does not take has this long. */
const goodbyeMs = 500;

export class LanAnnouncement {
  readonly #options: LanAnnouncementOptions;
  readonly #host: string;
  readonly #links = new Map<string, OpenLink>();
  /** What was logged, so that a port in use is no line every ten seconds. */
  readonly #failures = new Map<string, string>();
  #names = 1;
  #poll: NodeJS.Timeout | undefined;

  constructor(options: LanAnnouncementOptions) {
    this.#options = options;
    // Not the machine's own name: others on it (avahi) announce that one, with other addresses than ours perhaps.
    const { fingerprint, listens } = options;
    const mark =
      fingerprint?.replaceAll(':', '').slice(0, 12) ?? `${firstLabel(options.machine)}-${String(listens.port)}`;
    this.#host = `parley-${hostLabel(mark)}.local`;
  }

  /** Begins, where there is an interface that others can reach; a server on loopback alone stays untold. Never throws. */
  start(): void {
    if (isLoopback(this.#options.listens.address)) return;
    this.#reconcile();
    this.#poll = setInterval(() => {
      this.#reconcile();
    }, interfacesPollMs).unref();
  }

  /** Says goodbye and lets go of the sockets, within a bounded time. */
  async stop(): Promise<void> {
    clearInterval(this.#poll);
    await Promise.all([...this.#links.values()].map((link) => this.#close(link)));
  }

  get #instance(): string {
    const suffix = this.#names === 1 ? '' : ` (${String(this.#names)})`;
    return clipped(`Parley on ${firstLabel(this.#options.machine)}`, lanService.labelMaxBytes - suffix.length) + suffix;
  }

  #reconcile(): void {
    if (this.#names > namesMax) return;
    const there = new Map(this.#usableLinks().map((link) => [linkKey(link), link]));
    for (const [key, link] of this.#links) {
      if (!there.has(key)) void this.#close(link);
    }
    for (const [key, link] of there) {
      if (!this.#links.has(key)) this.#open(key, link);
    }
  }

  #usableLinks(): Link[] {
    const { listens, interfaces = networkInterfaces } = this.#options;
    const isAny = listens.address === '::' || listens.address === '0.0.0.0';
    return Object.entries(interfaces()).flatMap(([name, infos = []]) => {
      const told = infos
        .filter(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address))
        .filter(({ address }) => isAny || address === listens.address);
      // Multicast DNS over IPv4 carries the IPv6 addresses, too.
      const ours = infos.filter(({ internal, family }) => !internal && family === 'IPv4');
      const [first] = ours;
      if (!first || told.length === 0) return [];
      const subnet = new BlockList();
      for (const { address, cidr } of ours) subnet.addSubnet(address, Number(cidr?.split('/')[1] ?? 32), 'ipv4');
      const addresses = told.map(({ address }) => address).slice(0, addressesMax);
      return [{ name, address: first.address, addresses, subnet }];
    });
  }

  #open(key: string, link: Link): void {
    const { openSocket = openMdns } = this.#options;
    const opened: OpenLink = {
      ...link,
      responder: this.#responderFor(link),
      timer: undefined,
      socket: openSocket(link.address, {
        packet: (packet, from) => {
          // Linux gives each socket what came in by any interface; nobody beyond this one's link is answered.
          if (!isIPv4(from.address) || !link.subnet.check(from.address)) return;
          opened.responder.handlePacket(performance.now(), packet, from);
          this.#drive(opened);
        },
        failed: (error) => {
          this.#failed(key, opened, error);
        },
      }),
    };
    this.#links.set(key, opened);
    this.#drive(opened);
  }

  #responderFor({ addresses }: Link): DnsSdResponder {
    const { listens, fingerprint, version } = this.#options;
    const service: AnnouncedService = {
      instance: this.#instance,
      host: this.#host,
      port: listens.port,
      txt: [
        `version=${version}`,
        `port=${String(listens.port)}`,
        `tls=${fingerprint === null ? '0' : '1'}`,
        ...(fingerprint === null ? [] : [`fp=${fingerprint.replaceAll(':', '').slice(0, 16)}`]),
      ],
      addresses,
    };
    return new DnsSdResponder(performance.now(), service, Math.random);
  }

  #drive(link: OpenLink): void {
    clearTimeout(link.timer);
    const now = performance.now();
    link.responder.handleTimeout(now);
    for (let out = link.responder.pollTransmit(); out; out = link.responder.pollTransmit()) {
      void link.socket.send(out.packet, out.to);
    }
    if (link.responder.state === 'conflict') {
      this.#rename(link.responder.instanceName);
      return;
    }
    const next = link.responder.nextTimeout();
    if (next === undefined) return;
    link.timer = setTimeout(
      () => {
        this.#drive(link);
      },
      Math.max(0, next - now),
    ).unref();
  }

  /** One name on all links, so that a client on two of them sees one server. */
  #rename(taken: string): void {
    this.#names += 1;
    const { log } = this.#options;
    const links = [...this.#links.values()];
    if (this.#names > namesMax) {
      log.warn({ taken }, 'too many names are taken on the LAN: this server is not announced there');
      for (const link of links) void this.#close(link);
      return;
    }
    log.info({ taken, name: this.#instance }, 'another server on the LAN has this name');
    for (const link of links) {
      const goodbye = link.responder.goodbye();
      if (goodbye) void link.socket.send(goodbye);
      link.responder = this.#responderFor(link);
      this.#drive(link);
    }
  }

  #failed(key: string, link: OpenLink, { message }: Error): void {
    if (this.#links.get(key) !== link) return;
    this.#links.delete(key);
    clearTimeout(link.timer);
    void link.socket.close();
    if (this.#failures.get(key) === message) return;
    this.#failures.set(key, message);
    this.#options.log.warn(
      { interface: link.name, reason: message },
      'not announced on this LAN; clients there need the address',
    );
  }

  async #close(link: OpenLink): Promise<void> {
    this.#links.delete(linkKey(link));
    clearTimeout(link.timer);
    const goodbye = link.responder.goodbye();
    if (goodbye) await endsWithin(goodbyeMs, link.socket.send(goodbye));
    await endsWithin(goodbyeMs, link.socket.close());
  }
}

/** Multicast DNS on the interface with this IPv4 address, beside others who use the port. */
function openMdns(address: string, handlers: MdnsHandlers): MdnsSocket {
  const mdns = makeMdns({ interface: address, bind: '0.0.0.0' });
  let isClosed = false;
  mdns.on('packet', (packet: Packet, from: { address: string; port: number }) => {
    if (!isClosed) handlers.packet(packet, from);
  });
  mdns.on('error', (error) => {
    if (!isClosed) handlers.failed(error);
  });
  // Of `warning`, which need not be heard, come packets that are none, and an interface that is gone: the poll sees that.
  return {
    send: (packet, to) =>
      new Promise((resolve) => {
        const sent = (): void => {
          // What was not sent is lost, as it might be on the way; probes and announcements are repeated.
          resolve();
        };
        const { questions = [], answers = [], ...rest } = packet;
        if (packet.type === 'query') mdns.query({ ...rest, questions }, to, sent);
        else mdns.respond({ ...rest, questions, answers }, to, sent);
      }),
    close: () =>
      new Promise((resolve) => {
        isClosed = true;
        mdns.destroy(resolve);
      }),
  };
}

function linkKey({ name, address, addresses }: Link): string {
  return [name, address, ...addresses].join(' ');
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.');
}

/** A machine's name without its domain; never empty, and without what no label may hold. */
function firstLabel(machine: string): string {
  return (
    plainLine(machine.split('.')[0] ?? '')
      .replaceAll('\\', '')
      .trim() || 'this machine'
  );
}

function hostLabel(text: string): string {
  const label = text.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return label.replace(/^-+/, '').slice(0, 40).replace(/-+$/, '') || 'server';
}

/** At most `maxBytes` of UTF-8, no character cut in two. */
function clipped(text: string, maxBytes: number): string {
  const characters = Array.from(text);
  while (Buffer.byteLength(characters.join('')) > maxBytes) characters.pop();
  return characters.join('').trim();
}
