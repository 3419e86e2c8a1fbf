import { describe, expect, it } from '@jest/globals';
import { lanService } from '@parley/protocol';
import { decode, encode, type Answer, type Packet, type Question } from 'dns-packet';
import fc from 'fast-check';
import { DnsSdResponder, type AnnouncedService } from './dns-sd-responder.js';

const service: AnnouncedService = {
  instance: 'Parley on attic',
  host: 'parley-1a2b.local',
  port: 7420,
  txt: ['version=1', 'tls=1'],
  addresses: ['192.0.2.5', '2001:db8::5'],
};
const instanceName = `Parley on attic.${lanService.type}`;
const peer = { address: '192.0.2.9', port: 5353 };

/** A responder and its virtual clock; whatever it sends goes through the real codec. */
class Life {
  now = 1_000;
  readonly responder: DnsSdResponder;

  constructor(own: Partial<AnnouncedService> = {}) {
    this.responder = new DnsSdResponder(this.now, { ...service, ...own }, () => 0.5);
  }

  /** What is sent until `ms` from now, and when. */
  pass(ms: number): { at: number; packet: Packet; to?: { address: string; port: number } }[] {
    const sent = [];
    const end = this.now + ms;
    for (;;) {
      for (let out = this.responder.pollTransmit(); out; out = this.responder.pollTransmit()) {
        const packet: Packet = decode(encode(out.packet));
        sent.push({ at: this.now - 1_000, packet, ...(out.to ? { to: out.to } : {}) });
      }
      const next = this.responder.nextTimeout() ?? Infinity;
      if (next > end) break;
      this.now = Math.max(this.now, next);
      this.responder.handleTimeout(this.now);
    }
    this.now = end;
    return sent;
  }

  announced(): this {
    this.pass(5_000);
    expect(this.responder.state).toBe('announced');
    return this;
  }

  ask(name: string, type: string, more: Partial<Packet> = {}, from = peer): void {
    const questions = [{ name, type: type as Question['type'] }];
    this.responder.handlePacket(this.now, decode(encode({ type: 'query', questions, ...more })), from);
  }

  hear(answers: Answer[], from = peer): void {
    this.responder.handlePacket(this.now, decode(encode({ type: 'response', answers })), from);
  }
}

function types(records: readonly Answer[] | undefined): string[] {
  return (records ?? []).map(({ type }) => type);
}

function srv(port: number, target = service.host, ttl = 120): Answer {
  return { type: 'SRV', name: instanceName, ttl, data: { port, target } };
}

describe('DnsSdResponder', () => {
  it('probes three times, 250 ms apart, then announces twice', () => {
    const sent = new Life().pass(10_000);
    expect(sent.map(({ at, packet }) => [at, packet.type])).toEqual([
      [125, 'query'],
      [375, 'query'],
      [625, 'query'],
      [875, 'response'],
      [1875, 'response'],
    ]);
    expect(sent[0]?.packet.questions).toMatchObject([{ name: instanceName, type: 'ANY' }]);
    expect(sent[0]?.packet.authorities).toMatchObject([{ type: 'SRV', name: instanceName, data: { port: 7420 } }]);
    expect(sent[3]?.packet.answers).toMatchObject([
      { type: 'PTR', name: lanService.type, ttl: 4_500, flush: false, data: instanceName },
      { type: 'SRV', name: instanceName, ttl: 120, flush: true, data: { port: 7420, target: service.host } },
      { type: 'TXT', name: instanceName, data: [Buffer.from('version=1'), Buffer.from('tls=1')] },
      { type: 'A', name: service.host, flush: true, data: '192.0.2.5' },
      { type: 'AAAA', name: service.host, data: '2001:db8::5' },
    ]);
  });

  it.each([
    [lanService.type, 'PTR', ['PTR'], ['SRV', 'TXT', 'A', 'AAAA']],
    [lanService.type.toUpperCase(), 'ANY', ['PTR'], ['SRV', 'TXT', 'A', 'AAAA']],
    [instanceName, 'SRV', ['SRV'], ['TXT', 'A', 'AAAA']],
    [instanceName, 'TXT', ['TXT'], []],
    [instanceName, 'ANY', ['SRV', 'TXT'], ['A', 'AAAA']],
    [service.host, 'A', ['A'], []],
    [service.host, 'AAAA', ['AAAA'], []],
    ['_services._dns-sd._udp.local', 'PTR', ['PTR'], []],
  ])('answers %s %s', (name, type, answers, additionals) => {
    const life = new Life().announced();
    life.ask(name, type);
    const [sent, ...others] = life.pass(5_000);
    expect(others).toEqual([]);
    expect(sent?.at).toBe(5_000 + 70);
    expect(types(sent?.packet.answers)).toEqual(answers);
    expect(types(sent?.packet.additionals)).toEqual(additionals);
    expect(sent).not.toHaveProperty('to');
  });

  it.each([
    ['_http._tcp.local', 'PTR'],
    [lanService.type, 'A'],
    ['other.local', 'A'],
    [service.host, 'TXT'],
  ])('is silent to %s %s', (name, type) => {
    const life = new Life().announced();
    life.ask(name, type);
    expect(life.pass(5_000)).toEqual([]);
  });

  it('is silent to who knows it already, unless the time is half over', () => {
    const life = new Life().announced();
    const known = (ttl: number): Answer[] => [{ type: 'PTR', name: lanService.type, ttl, data: instanceName }];
    life.ask(lanService.type, 'PTR', { answers: known(2_250) });
    expect(life.pass(5_000)).toEqual([]);
    life.ask(lanService.type, 'PTR', { answers: known(2_249) });
    expect(life.pass(5_000)).toHaveLength(1);
  });

  it('answers many at once, and no more than once in a second', () => {
    const life = new Life().announced();
    const sent = [];
    for (let i = 0; i < 1_000; i += 1) {
      life.ask(i % 2 === 0 ? lanService.type : service.host, 'ANY');
      sent.push(...life.pass(10));
    }
    expect(sent.length).toBeGreaterThanOrEqual(9);
    expect(sent.length).toBeLessThanOrEqual(11);
  });

  it('answers one-shot queries to the asker alone, as other DNS servers do, 20 a second at most', () => {
    const life = new Life().announced();
    const asker = { address: '192.0.2.7', port: 40_000 };
    life.ask(lanService.type, 'PTR', { id: 77 }, asker);
    const [sent] = life.pass(0);
    expect(sent).toMatchObject({ to: asker, packet: { id: 77, questions: [{ name: lanService.type, type: 'PTR' }] } });
    const records = [...(sent?.packet.answers ?? []), ...(sent?.packet.additionals ?? [])];
    expect(types(records)).toEqual(['PTR', 'SRV', 'TXT', 'A', 'AAAA']);
    for (const record of records) expect(record).toMatchObject({ ttl: 10, flush: false });

    for (let i = 0; i < 100; i += 1) life.ask(lanService.type, 'PTR', {}, asker);
    expect(life.pass(0)).toHaveLength(19);
    life.pass(1_000);
    life.ask(lanService.type, 'PTR', {}, asker);
    expect(life.pass(0)).toHaveLength(1);
  });

  it('gives way to who has the name already, as soon as it hears of it', () => {
    const life = new Life();
    life.pass(400);
    life.hear([srv(9_999)]);
    expect(life.responder.state).toBe('conflict');
    expect(life.pass(10_000)).toEqual([]);
    expect(life.responder.goodbye()).toBeUndefined();
  });

  it.each<[string, Answer[], { address: string; port: number }]>([
    ['its own packets that come back', [srv(7_420)], peer],
    ['its own in other letters', [srv(7_420, service.host.toUpperCase())], peer],
    ['a goodbye', [srv(9_999, 'other.local', 0)], peer],
    ['who speaks from another port', [srv(9_999)], { address: '192.0.2.9', port: 5_354 }],
    ['another instance', [{ type: 'SRV', name: `x.${lanService.type}`, data: { port: 1, target: 'x.local' } }], peer],
  ])('takes no offence at %s', (_what, answers, from) => {
    const life = new Life();
    life.hear(answers, from);
    life.announced().hear(answers, from);
    expect(life.responder.state).toBe('announced');
  });

  it('defends its name against probes within 250 ms, also just after an answer', () => {
    const life = new Life().announced();
    life.ask(lanService.type, 'PTR');
    life.pass(75);
    life.ask(instanceName, 'ANY', { authorities: [srv(9_999)] });
    const [defence] = life.pass(250);
    expect(types(defence?.packet.answers)).toEqual(['SRV', 'TXT']);
  });

  it('of two that probe at once exactly one gives way', () => {
    fc.assert(
      fc.property(fc.nat(65_534), fc.nat(65_534), (a, b) => {
        fc.pre(a !== b);
        const [one, other] = [new Life({ port: a + 1 }), new Life({ port: b + 1 })];
        const probe = one.pass(130)[0]!.packet;
        const otherProbe = other.pass(130)[0]!.packet;
        one.responder.handlePacket(one.now, otherProbe, peer);
        other.responder.handlePacket(other.now, probe, peer);
        expect([one.responder.state, other.responder.state].sort()).toEqual(['conflict', 'probing']);
        expect(one.responder.state).toBe(a < b ? 'conflict' : 'probing');
      }),
    );
  });

  it('says goodbye only after it was announced', () => {
    const life = new Life();
    expect(life.responder.goodbye()).toBeUndefined();
    const { answers } = life.announced().responder.goodbye() ?? {};
    expect(types(answers)).toEqual(['PTR', 'SRV', 'TXT', 'A', 'AAAA']);
    for (const record of answers ?? []) expect(record).toMatchObject({ ttl: 0 });
  });

  it('lives on whatever comes', () => {
    const name = fc.constantFrom(lanService.type, instanceName, service.host, 'x.local', '.', '');
    const record = fc.record({
      name,
      type: fc.constantFrom('PTR', 'SRV', 'A', 'TXT', 'OPT', 'UNKNOWN_9'),
      ttl: fc.option(fc.nat(), { nil: undefined }),
      data: fc.oneof(fc.string(), fc.record({ port: fc.nat(65_535), target: name })),
    });
    const packet = fc.record(
      {
        type: fc.constantFrom('query', 'response'),
        questions: fc.array(fc.record({ name, type: fc.constantFrom('ANY', 'PTR', 'SRV', 'A') }), { maxLength: 99 }),
        answers: fc.array(record.filter(({ type, data }) => (type === 'SRV') === (typeof data === 'object'))),
      },
      { requiredKeys: ['type'] },
    );
    fc.assert(
      fc.property(fc.array(packet), fc.constantFrom(5_353, 40_000), (packets, port) => {
        const life = new Life().announced();
        for (const each of packets) {
          life.responder.handlePacket(life.now, each as unknown as Packet, { address: '192.0.2.9', port });
        }
        expect(life.pass(10_000).length).toBeLessThanOrEqual(20);
      }),
    );
  });
});
