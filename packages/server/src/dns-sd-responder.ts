/**
 * Answers for one service on one link by multicast DNS (RFC 6762) and DNS-SD (RFC 6763): probes for its name, announces
 * it, answers questions, defends the name and says goodbye. No socket and no clock: both are the caller's.
 */
import { isIPv4 } from 'node:net';
import { lanService } from '@parley/protocol';
import type { Answer, Packet, Question, SrvAnswer } from 'dns-packet';

export interface AnnouncedService {
  /** What people see: one label, unique on the link. Without dots, which the library's codec takes for separators. */
  readonly instance: string;
  /** Where it runs: a name of its own, ending in `.local`. */
  readonly host: string;
  readonly port: number;
  /** `key=value` each. */
  readonly txt: readonly string[];
  /** IPv4 and IPv6, valid on this link. */
  readonly addresses: readonly string[];
}

export interface DnsTransmit {
  readonly packet: Packet;
  /** Undefined: to the multicast group. */
  readonly to?: { readonly address: string; readonly port: number };
}

type ResponderState =
  | { readonly kind: 'probing'; readonly sent: number }
  | { readonly kind: 'announcing'; readonly sent: number }
  | { readonly kind: 'announced' }
  /** Somebody else has the name: it is for the caller to begin anew with another one. */
  | { readonly kind: 'conflict' };

/** RFC 6762, sections 8.1, 8.3 and 10. */
const probes = 3;
const probeGapMs = 250;
const announcements = 2;
const announceGapMs = 1_000;
const hostTtlSeconds = 120;
const otherTtlSeconds = 4_500;
const legacyTtlSeconds = 10;
/** Section 6: answers of several hosts do not come at once; no record is repeated within a second, but to defend a name. */
const answerDelayMs = { min: 20, spread: 100 };
const answerGapMs = 1_000;
const defenceGapMs = 250;
/** Answers to one-shot queries go back to one asker (section 6.7): so many in a second, more are dropped. */
const unicastsPerSecond = 20;
/** Nothing on a LAN asks more in one packet. */
const questionsMax = 32;

const enumeration = '_services._dns-sd._udp.local';

export class DnsSdResponder {
  readonly instanceName: string;
  readonly #service: AnnouncedService;
  readonly #random: () => number;
  readonly #records: readonly Answer[];
  #state: ResponderState = { kind: 'probing', sent: 0 };
  #nextStepMs: number;
  /** What is to be answered, and when. */
  readonly #wanted = new Set<Answer>();
  #answerAtMs: number | undefined;
  #answeredAtMs = -Infinity;
  #unicastSecond = 0;
  #unicasts = 0;
  /** At most a few: what one call of a handler gives. */
  readonly #out: DnsTransmit[] = [];

  /** @param random 0 up to 1 */
  constructor(now: number, service: AnnouncedService, random: () => number) {
    this.#service = service;
    this.#random = random;
    this.instanceName = `${service.instance}.${lanService.type}`;
    this.#records = recordsOf(service, this.instanceName);
    // Machines switched on together do not probe together (section 8.1).
    this.#nextStepMs = now + random() * probeGapMs;
  }

  get state(): ResponderState['kind'] {
    return this.#state.kind;
  }

  /** What came from `from`, an address of this link. Anything may: what makes no sense is ignored. */
  handlePacket(now: number, packet: Packet, from: { readonly address: string; readonly port: number }): void {
    if (this.#state.kind === 'conflict') return;
    if (packet.type === 'response') {
      if (from.port === lanService.port && this.#isTaken(packet.answers ?? [])) this.#state = { kind: 'conflict' };
      return;
    }
    const questions = (packet.questions ?? []).slice(0, questionsMax);
    if (this.#state.kind === 'probing') {
      if (this.#losesTo(packet.authorities ?? [])) this.#state = { kind: 'conflict' };
      return;
    }
    const known = packet.answers ?? [];
    const wanted = questions.flatMap((question) => this.#answersTo(question)).filter((answer) => !knows(known, answer));
    if (wanted.length === 0) return;
    if (from.port !== lanService.port) {
      this.#answerOne(now, packet, questions, wanted, from);
      return;
    }
    for (const answer of wanted) this.#wanted.add(answer);
    const isProbe = (packet.authorities ?? []).length > 0;
    const soonest = this.#answeredAtMs + (isProbe ? defenceGapMs : answerGapMs);
    const at = Math.max(soonest, now + (isProbe ? 0 : answerDelayMs.min + this.#random() * answerDelayMs.spread));
    this.#answerAtMs = Math.min(at, this.#answerAtMs ?? Infinity);
  }

  handleTimeout(now: number): void {
    if (this.#answerAtMs !== undefined && now >= this.#answerAtMs) this.#answer(now);
    if (now < this.#nextStepMs) return;
    switch (this.#state.kind) {
      case 'probing':
        this.#nextStepMs = now + probeGapMs;
        if (this.#state.sent < probes) {
          this.#out.push({ packet: this.#probe() });
          this.#state = { kind: 'probing', sent: this.#state.sent + 1 };
          return;
        }
        this.#announce(now, 1);
        return;
      case 'announcing':
        this.#announce(now, this.#state.sent + 1);
        return;
      case 'announced':
      case 'conflict':
        return;
    }
  }

  /** When `handleTimeout` is due; undefined while there is nothing to do. */
  nextTimeout(): number | undefined {
    if (this.#state.kind === 'conflict') return undefined;
    const step = this.#state.kind === 'announced' ? Infinity : this.#nextStepMs;
    const next = Math.min(step, this.#answerAtMs ?? Infinity);
    return next === Infinity ? undefined : next;
  }

  pollTransmit(): DnsTransmit | undefined {
    return this.#out.shift();
  }

  /** Takes back what was announced (section 10.1); undefined where nothing was. */
  goodbye(): Packet | undefined {
    if (this.#state.kind === 'probing' || this.#state.kind === 'conflict') return undefined;
    return { type: 'response', answers: this.#ownRecords().map((record) => ({ ...record, ttl: 0 })) };
  }

  #probe(): Packet {
    const [srv] = this.#records.filter(({ type }) => type === 'SRV');
    const authorities = srv ? [{ ...srv, flush: false }] : [];
    return { type: 'query', questions: [{ name: this.instanceName, type: 'ANY' as Question['type'] }], authorities };
  }

  #announce(now: number, sent: number): void {
    this.#out.push({ packet: { type: 'response', answers: this.#ownRecords() } });
    this.#answeredAtMs = now;
    this.#nextStepMs = now + announceGapMs;
    this.#state = sent < announcements ? { kind: 'announcing', sent } : { kind: 'announced' };
  }

  /** Not the list of all kinds of services, which is nobody's own. */
  #ownRecords(): Answer[] {
    return this.#records.filter(({ name }) => name !== enumeration);
  }

  #answersTo({ name, type }: Question): Answer[] {
    const any = (type as string) === 'ANY';
    return this.#records.filter((record) => isName(record.name, name) && (any || record.type === type));
  }

  #answer(now: number): void {
    this.#answerAtMs = undefined;
    this.#answeredAtMs = now;
    const answers = [...this.#wanted];
    this.#wanted.clear();
    this.#out.push({ packet: { type: 'response', answers, additionals: this.#besides(answers) } });
  }

  /** Of a plain resolver: at once, to it alone, in the form it knows from other DNS servers. */
  #answerOne(
    now: number,
    { id = 0 }: Packet,
    questions: Question[],
    wanted: readonly Answer[],
    to: { readonly address: string; readonly port: number },
  ): void {
    const second = Math.floor(now / 1_000);
    if (second !== this.#unicastSecond) this.#unicasts = 0;
    this.#unicastSecond = second;
    this.#unicasts += 1;
    if (this.#unicasts > unicastsPerSecond) return;
    const plain = (records: readonly Answer[]): Answer[] =>
      records.map((record) => ({ ...record, flush: false, ttl: legacyTtlSeconds }));
    const answers = [...new Set(wanted)];
    const additionals = plain(this.#besides(answers));
    this.#out.push({ packet: { type: 'response', id, questions, answers: plain(answers), additionals }, to });
  }

  /** What whoever asked for the service, or where it is, will ask next (RFC 6763, section 12). */
  #besides(answers: readonly Answer[]): Answer[] {
    if (!answers.some(({ type, name }) => (type === 'PTR' && name !== enumeration) || type === 'SRV')) return [];
    return this.#ownRecords().filter((record) => record.type !== 'PTR' && !answers.includes(record));
  }

  /** Section 9: somebody says that our name is elsewhere. Our own packets, which come back, say the same as we. */
  #isTaken(answers: readonly Answer[]): boolean {
    return answers.some(
      (record) =>
        record.type === 'SRV' &&
        isName(record.name, this.instanceName) &&
        record.ttl !== 0 &&
        this.#compareTo(record) !== 0,
    );
  }

  /** Section 8.2: of two that probe for one name at the same time, the one with the later data has it. */
  #losesTo(authorities: readonly Answer[]): boolean {
    return authorities.some(
      (record) => record.type === 'SRV' && isName(record.name, this.instanceName) && this.#compareTo(record) < 0,
    );
  }

  #compareTo({ data }: SrvAnswer): number {
    const ours = srvBytes({ priority: 0, weight: 0, port: this.#service.port, target: this.#service.host });
    return Buffer.compare(ours, srvBytes(data));
  }
}

function recordsOf({ host, port, txt, addresses }: AnnouncedService, instanceName: string): Answer[] {
  const own = { ttl: hostTtlSeconds, class: 'IN', flush: true } as const;
  return [
    { type: 'PTR', name: lanService.type, ttl: otherTtlSeconds, class: 'IN', data: instanceName },
    { type: 'SRV', name: instanceName, ...own, data: { priority: 0, weight: 0, port, target: host } },
    { type: 'TXT', name: instanceName, ...own, ttl: otherTtlSeconds, data: [...txt] },
    ...addresses.map((address): Answer => ({
      type: isIPv4(address) ? 'A' : 'AAAA',
      name: host,
      ...own,
      data: address,
    })),
    { type: 'PTR', name: enumeration, ttl: otherTtlSeconds, class: 'IN', data: lanService.type },
  ];
}

/** Section 7.1: whoever has a record for at least half its time yet need not be told. */
function knows(known: readonly Answer[], answer: Answer): boolean {
  if (answer.type !== 'PTR') return false;
  return known.some(
    (record) =>
      record.type === 'PTR' &&
      isName(record.name, answer.name) &&
      isName(record.data, answer.data) &&
      (record.ttl ?? 0) >= otherTtlSeconds / 2,
  );
}

/** DNS compares ASCII letters without case. */
function isName(a: string, b: string): boolean {
  return a.length === b.length && a.toLowerCase() === b.toLowerCase();
}

/** The data of an SRV record as it is compared: uncompressed, the name in lower case. */
function srvBytes({ priority = 0, weight = 0, port, target }: SrvAnswer['data']): Buffer {
  const numbers = Buffer.alloc(6);
  numbers.writeUInt16BE(priority, 0);
  numbers.writeUInt16BE(weight, 2);
  numbers.writeUInt16BE(port, 4);
  const labels = target
    .toLowerCase()
    .replace(/\.$/, '')
    .split('.')
    .map((label) => {
      const text = Buffer.from(label);
      return Buffer.concat([Buffer.from([text.length & 0xff]), text]);
    });
  return Buffer.concat([numbers, ...labels, Buffer.alloc(1)]);
}
