import { describe, expect, it } from '@jest/globals';
import type { Candidate } from './candidates.js';
import { PathAgent, type PathAction, type PathAgentOptions } from './path-agent.js';
import type { PathStatus } from './path-health.js';
import { unknownNat, type PathOffer } from './path-offer.js';
import type { Address } from './stun-message.js';

const relay = { address: 'relay', port: 7 };
const lan = { address: '192.168.1.9', port: 9 };
const wan = { address: '203.0.113.9', port: 9 };
const ipv6 = { address: '2001:db8::9', port: 9 };
const own: Candidate = { kind: 'host', address: '192.168.1.2', port: 5 };

/** An agent whose peer answers at once, after so many ms, at the addresses given. */
class Stage {
  readonly agent: PathAgent;
  now = 0;
  readonly rtts = new Map<string, number>();
  readonly probes: { readonly at: number; readonly to: Address }[] = [];
  readonly moves: Address[] = [];
  readonly others: PathAction[] = [];
  path: Address = relay;
  #pending: { readonly at: number; readonly to: Address; readonly rttMs: number }[] = [];
  #revision = 0;

  constructor(options: Partial<PathAgentOptions> = {}) {
    this.agent = new PathAgent({
      role: 'controlling',
      policy: 'auto',
      relay,
      forbidden: [],
      mayUseLoopback: false,
      random: (length) => new Uint8Array(length),
      ...options,
    });
  }

  answers(address: Address, rttMs: number): this {
    this.rtts.set(address.address, rttMs);
    return this;
  }

  offer(addresses: readonly Address[], more: Partial<PathOffer> = {}): this {
    this.#revision += 1;
    const candidates = addresses.map((address) => ({ kind: 'host' as const, ...address }));
    const offer = { ...unknownNat, revision: this.#revision, spareSockets: 0, candidates, ...more };
    this.agent.handleOffer(this.now, offer);
    this.#drain();
    return this;
  }

  status(status: Partial<PathStatus> = {}): this {
    this.agent.handlePath(this.now, {
      path: this.path,
      rttMs: 20,
      unansweredMs: 0,
      sentPackets: 0,
      lostPackets: 0,
      ...status,
    });
    this.#drain();
    return this;
  }

  heard(from: Address): this {
    this.agent.handleHeard(this.now, from);
    this.#drain();
    return this;
  }

  run(forMs: number): this {
    this.#drain();
    const end = this.now + forMs;
    for (let steps = 0; ; steps += 1) {
      if (steps > 100_000) throw new Error('it never comes to rest');
      this.#pending.sort((a, b) => a.at - b.at);
      const timeout = this.agent.nextTimeout() ?? Infinity;
      const answerAt = this.#pending[0]?.at ?? Infinity;
      const at = Math.min(timeout, answerAt);
      if (at > end) break;
      this.now = Math.max(this.now, at);
      if (answerAt <= timeout) {
        const { to, rttMs } = this.#pending.shift()!;
        this.agent.handleProbed(this.now, to, rttMs);
      } else {
        this.agent.handleTimeout(this.now);
      }
      this.#drain();
    }
    this.now = end;
    return this;
  }

  probesTo(address: Address): number[] {
    return this.probes.filter(({ to }) => to.address === address.address).map(({ at }) => at);
  }

  get offers(): PathOffer[] {
    return this.others.flatMap((action) => (action.type === 'offer' ? [action.offer] : []));
  }

  #drain(): void {
    for (let action = this.agent.pollAction(); action; action = this.agent.pollAction()) {
      if (action.type === 'probe') {
        this.probes.push({ at: this.now, to: action.to });
        const rttMs = this.rtts.get(action.to.address);
        if (rttMs !== undefined) this.#pending.push({ at: this.now + rttMs, to: action.to, rttMs });
      } else if (action.type === 'move') {
        this.moves.push(action.to);
        this.path = action.to;
        this.status();
      } else {
        this.others.push(action);
      }
    }
  }
}

describe('rounds of probes', () => {
  it('begin when there is a session, not before', () => {
    const stage = new Stage().offer([lan, wan]).run(10_000);
    expect(stage.probes).toEqual([]);
    expect(stage.agent.candidates).toEqual([relay, lan, wan]);
    stage.status();
    expect(stage.probes.map(({ to }) => to)).toEqual([lan, wan]);
  });

  it('send six at once, then one every 50 ms, to each address seven in five seconds', () => {
    const many = Array.from({ length: 10 }, (_, i) => ({ address: `203.0.113.${String(i + 1)}`, port: 9 }));
    const stage = new Stage()
      .status()
      .offer(many)
      .run(60_000 - 1);
    expect(stage.probes.filter(({ at }) => at === 0)).toHaveLength(6);
    const later = stage.probes.map(({ at }) => at).slice(5);
    expect(Math.min(...later.slice(1).map((at, i) => at - (later[i] ?? 0)))).toBeGreaterThanOrEqual(50);
    for (const address of many) expect(stage.probesTo(address)).toHaveLength(7);
    expect(stage.probes.at(-1)?.at).toBeLessThan(6_000);
  });

  it('measure what answers with three more probes, and then no more', () => {
    const stage = new Stage({ role: 'controlled' }).answers(wan, 30).status().offer([wan]).run(100_000);
    expect(stage.probesTo(wan)).toEqual([0, 130, 230, 330]);
    const [pair] = stage.agent.report(stage.now).pairs.filter(({ kind }) => kind === 'host');
    expect(pair).toMatchObject({ sent: 4, answered: 4, rttMs: 30, loss: 0 });
  });

  it('come back every minute while a relayed conversation is in use, with an offer, so that the peer tries too', () => {
    const stage = new Stage().status().offer([wan]).run(30_000);
    stage.agent.setOwnCandidates(stage.now, [own]);
    const begun = (): number[] => [...new Set(stage.offers.map(({ revision }) => revision))];
    for (let i = 0; i < 4 * 150; i += 1) stage.status({ unansweredMs: 10 }).run(250);
    expect(begun()).toEqual([1, 2, 3]);
    expect(stage.others.filter(({ type }) => type === 'ask-reflexive')).toHaveLength(3);
    // The round of the offer that came, that of our own, and two more.
    expect(stage.probesTo(wan)).toHaveLength(4 * 7);
  });

  it('try who is heard of at once', () => {
    const stage = new Stage().status().heard(wan);
    expect(stage.probesTo(wan)).toEqual([0]);
    stage.answers(wan, 20).run(500).heard(wan).run(100);
    expect(stage.probesTo(wan).length).toBeLessThanOrEqual(5);
    expect(stage.moves).toEqual([wan]);
  });
});

describe('the choice', () => {
  it('goes from the relay to the nearest of those that are about as fast', () => {
    const stage = new Stage().answers(wan, 20).answers(lan, 22).answers(ipv6, 24.9).status().offer([wan, ipv6, lan]);
    expect(stage.run(1_000).moves).toEqual([lan]);
  });

  it('takes the faster one where the difference is worth it', () => {
    expect(new Stage().answers(wan, 20).answers(lan, 26).status().offer([wan, lan]).run(1_000).moves).toEqual([wan]);
  });

  it.each([
    [4, []],
    [6, [lan]],
  ])('leaves a direct path that works for one that is %d ms faster: %j', (gainMs, moves) => {
    const stage = new Stage().answers(wan, 40);
    stage.path = wan;
    stage.status({ rttMs: 40 }).offer([wan]).run(10_000);
    stage
      .answers(lan, 40 - gainMs)
      .offer([wan, lan])
      .run(10_000);
    expect(stage.moves).toEqual(moves);
  });

  it.each([
    [0.005, []],
    [0.02, [lan]],
  ])('leaves a direct path that loses %d for one as fast that loses nothing: %j', (loss, moves) => {
    const stage = new Stage().answers(wan, 20).answers(lan, 20);
    stage.path = wan;
    stage.status().offer([wan]).run(10_000);
    for (let i = 1; i <= 10; i += 1) {
      stage.run(250).status({ sentPackets: i * 100, lostPackets: Math.round(i * 100 * loss) });
    }
    stage.offer([wan, lan]).run(2_000);
    expect(stage.moves).toEqual(moves);
  });

  it('is not that of the controlled side', () => {
    expect(new Stage({ role: 'controlled' }).answers(wan, 20).status().offer([wan]).run(5_000).moves).toEqual([]);
  });

  it('heeds that the peer moved away', () => {
    const stage = new Stage().answers(wan, 20).answers(relay, 50).status().offer([wan]).run(1_000);
    expect(stage.moves).toEqual([wan]);
    stage.path = relay;
    stage.status({ unansweredMs: 10 }).run(2_900);
    expect(stage.moves).toEqual([wan]);
    // It answers, so after a while it is tried again; when the peer goes away again, only after a longer one.
    for (let i = 0; i < 40; i += 1) stage.status({ unansweredMs: 10 }).run(250);
    expect(stage.moves).toEqual([wan, wan]);
    stage.path = relay;
    for (let i = 0; i < 44; i += 1) stage.status({ unansweredMs: 10 }).run(250);
    expect(stage.moves).toEqual([wan, wan]);
  });
});

describe('a dead path', () => {
  /** On a direct path from which no acknowledgement comes any more. */
  function dying(stage: Stage, forMs: number): void {
    for (let ms = 250; ms <= forMs; ms += 250) stage.run(250).status({ unansweredMs: ms, sentPackets: ms });
  }

  function direct(role: 'controlling' | 'controlled'): Stage {
    const stage = new Stage({ role }).answers(relay, 50).answers(wan, 20);
    stage.path = wan;
    stage.status().offer([wan]).run(60_000);
    stage.rtts.delete(wan.address);
    return stage;
  }

  it.each(['controlling', 'controlled'] as const)('is left by the %s side within 3 s', (role) => {
    const stage = direct(role);
    dying(stage, 1_000);
    expect(stage.moves).toEqual([]);
    dying(stage, 2_000);
    expect(stage.moves).toEqual([relay]);
    expect(stage.now).toBeLessThanOrEqual(63_000);
  });

  it('is left, somewhat later, when only probes come through', () => {
    const stage = direct('controlled').answers(wan, 20);
    dying(stage, 2_250);
    expect(stage.moves).toEqual([]);
    dying(stage, 2_750);
    expect(stage.moves).toEqual([relay]);
  });

  it('is not left for one that answers no more either', () => {
    const stage = direct('controlled');
    stage.rtts.clear();
    dying(stage, 20_000);
    expect(stage.moves).toEqual([]);
    // But all are asked, more and more seldom.
    expect(stage.probesTo(relay).length).toBeGreaterThanOrEqual(14);
    expect(stage.probesTo(relay).length).toBeLessThanOrEqual(28);
  });

  it('is not left when a late acknowledgement comes', () => {
    const stage = direct('controlled');
    dying(stage, 1_000);
    stage.status().run(60_000);
    expect(stage.moves).toEqual([]);
  });

  it('of relay-only stays, and nothing else is tried', () => {
    const stage = new Stage({ policy: 'relay-only' }).answers(relay, 50).answers(wan, 20).status().offer([wan]);
    stage.heard(wan);
    dying(stage, 5_000);
    expect(stage.moves).toEqual([]);
    expect(stage.probes.every(({ to }) => to.address === 'relay')).toBe(true);
  });
});

describe('policies', () => {
  it('relay-only tells an offer without an address and without the kind of NAT, once', () => {
    const stage = new Stage({ policy: 'relay-only' });
    stage.agent.setOwnCandidates(0, [own], { ...unknownNat, mapping: 'none' });
    stage.run(1_000);
    stage.agent.setOwnCandidates(1_000, [own, { ...own, port: 6 }]);
    stage.run(1_000);
    expect(stage.offers).toEqual([{ ...unknownNat, revision: 1, spareSockets: 0, candidates: [] }]);
    stage.status();
    stage.agent.handleAddressChange(stage.now);
    stage.run(1_000);
    expect(stage.others.map(({ type }) => type)).not.toContain('ask-reflexive');
    expect(stage.offers.every(({ candidates }) => candidates.length === 0)).toBe(true);
  });

  it('direct-only knows no relay', () => {
    const stage = new Stage({ policy: 'direct-only' }).answers(relay, 10);
    expect(stage.agent.candidates).toEqual([]);
    stage.path = wan;
    stage.status().offer([wan]).run(1_000).heard(relay);
    for (let i = 1; i < 20; i += 1) stage.run(250).status({ unansweredMs: 250 * i });
    expect(stage.probesTo(relay)).toEqual([]);
    expect(stage.moves).toEqual([]);
  });
});

describe('offers', () => {
  it('of ours are made when something differs, those found together in one', () => {
    const stage = new Stage();
    const second = { ...own, port: 6 };
    stage.agent.setOwnCandidates(0, [own]);
    stage.run(50);
    stage.agent.setOwnCandidates(50, [own, second]);
    stage.agent.setOwnCandidates(60, [own, second, { ...own, port: 7 }]);
    stage.agent.setOwnCandidates(70, [own, second]);
    stage.run(1_000);
    stage.agent.setOwnCandidates(stage.now, [own, second]);
    stage.run(1_000);
    expect(stage.offers.map(({ revision, candidates }) => [revision, candidates.length])).toEqual([
      [1, 1],
      [2, 2],
    ]);
  });

  it('of the peer that are not newer are ignored', () => {
    const stage = new Stage().status().offer([wan], { revision: 5 });
    stage.offer([lan], { revision: 5 }).offer([lan], { revision: 4 }).run(10_000);
    expect(stage.probesTo(lan)).toEqual([]);
    stage.offer([lan], { revision: 6 });
    expect(stage.probesTo(lan)).toHaveLength(1);
  });

  it('of the peer that come too fast wait, the newest of them', () => {
    const stage = new Stage();
    const at = (i: number): Address => ({ address: `203.0.113.${String(i)}`, port: 9 });
    for (let i = 1; i <= 100; i += 1) stage.offer([at(i)]);
    expect(stage.agent.candidates.at(-1)).toEqual(at(8));
    stage.run(1_000);
    expect(stage.agent.candidates.at(-1)).toEqual(at(100));
  });
});

describe('lying candidates', () => {
  const lies = [
    '127.0.0.1',
    '0.0.0.0',
    '255.255.255.255',
    '224.0.0.251',
    '::1',
    '::ffff:192.0.2.1',
    'ff02::fb',
    'fe80::1',
    '64:ff9b::a00:1',
  ].map((address) => ({ address, port: 9 }));

  it('get not one probe, told or heard', () => {
    const forbidden = [{ address: '198.51.100.1', port: 4433 }];
    const stage = new Stage({ forbidden }).status();
    stage.offer([...lies, ...forbidden, { ...wan, port: 0 }, { ...wan, port: 53 }]).run(10_000);
    for (const lie of [...lies, ...forbidden]) stage.heard(lie);
    expect(stage.run(10_000).probes).toEqual([]);
    expect(stage.agent.report(stage.now).verdict).toEqual({
      state: 'relayed',
      reason: { kind: 'none-usable', refused: lies.length + 3 },
    });
  });

  it('of a victim are bounded, whatever the peer offers and however often', () => {
    const stage = new Stage().status();
    const victim = { address: '192.0.2.1', port: 80 };
    for (let second = 0; second < 60; second += 1) {
      stage.offer([victim]).heard(victim).run(1_000);
    }
    expect(stage.probesTo(victim).length).toBeLessThanOrEqual(28);
    const wide = new Stage().status();
    for (let second = 0; second < 60; second += 1) {
      const ports = Array.from({ length: 40 }, (_, i) => ({ address: '192.0.2.1', port: 1_000 + second * 40 + i }));
      wide.offer(ports);
      for (const port of ports) wide.heard({ ...port, port: port.port + 10_000 });
      wide.run(1_000);
    }
    expect(wide.probes.length).toBeLessThanOrEqual(280);
    // 32 told, 16 heard, the relay, and those told before that were not yet forgotten.
    expect(wide.agent.report(wide.now).pairs.length).toBeLessThanOrEqual(50);
  });
});

describe('an address change', () => {
  it('tries all anew, asks STUN, tells an offer, and makes the peer follow where the path still answers', () => {
    const stage = new Stage().answers(wan, 20).answers(relay, 50).status().offer([wan]).run(60_000);
    expect(stage.moves).toEqual([wan]);
    const before = stage.probes.length;
    stage.agent.handleAddressChange(stage.now);
    stage.run(200);
    expect(stage.probes.slice(before).map(({ to }) => to)).toEqual(expect.arrayContaining([wan, relay]));
    expect(stage.others.map(({ type }) => type)).toEqual(expect.arrayContaining(['ask-reflexive', 'offer']));
    expect(stage.moves).toEqual([wan, wan]);
  });

  it('leaves a path that no longer answers within a second, also when nothing is in flight', () => {
    const stage = new Stage().answers(wan, 20).answers(relay, 50).status().offer([wan]).run(60_000);
    stage.rtts.delete(wan.address);
    stage.agent.handleAddressChange(stage.now);
    stage.run(1_000);
    expect(stage.moves).toEqual([wan, relay]);
  });

  it('that leads nowhere is tried for a while, and then only when something is said', () => {
    const stage = new Stage().answers(wan, 20).status().offer([wan]).run(60_000);
    stage.rtts.clear();
    const before = stage.probes.length;
    stage.agent.handleAddressChange(stage.now);
    stage.run(200_000);
    const probes = stage.probes.length;
    expect(probes - before).toBeGreaterThanOrEqual(5 * 2 * 6);
    expect(stage.run(3_600_000).probes).toHaveLength(probes);
    stage.status({ unansweredMs: 10 }).run(100);
    expect(stage.probes.length).toBeGreaterThan(probes);
  });

  it('of the peer is seen by its offer', () => {
    const stage = new Stage().answers(wan, 20).answers(relay, 50).status().offer([wan]).run(60_000);
    stage.rtts.delete(wan.address);
    stage.offer([lan]).run(1_000);
    expect(stage.moves).toEqual([wan, relay]);
  });
});

describe('birthday punching', () => {
  const hard = { ...unknownNat, mapping: 'endpoint-dependent' } as const;
  const easy = { ...unknownNat, mapping: 'endpoint-independent' } as const;

  it('is begun by the hard side when nothing else worked, and told by an offer', () => {
    const stage = new Stage().status();
    stage.agent.setOwnCandidates(0, [own], hard);
    stage.offer([wan], easy).run(1_999);
    expect(stage.others.some(({ type }) => type === 'birthday-begin')).toBe(false);
    stage.run(1);
    expect(stage.others.at(-1)).toEqual({ type: 'birthday-begin', sockets: 256 });
    stage.agent.handleBirthdayBegun(stage.now, [1, 2, 3]);
    stage.run(300);
    expect(stage.offers.at(-1)).toMatchObject({ spareSockets: 3 });
    expect(stage.probes.filter(({ to }) => to.address === 'via-2 203.0.113.9')).toHaveLength(1);
    stage.answers({ address: 'via-3 203.0.113.9', port: 9 }, 20).run(20_000);
    expect(stage.moves).toEqual([{ address: 'via-3 203.0.113.9', port: 9 }]);
    expect(stage.others.filter(({ type }) => type === 'birthday-end')).toEqual([{ type: 'birthday-end', keep: 3 }]);
    expect(stage.offers.at(-1)).toMatchObject({ spareSockets: 0 });
  });

  it('of the easy side waits for the offer with sockets, and its turn', () => {
    const stage = new Stage().status();
    stage.agent.setOwnCandidates(0, [own], easy);
    stage.offer([wan], hard).run(30_000);
    expect(stage.others.some(({ type }) => type === 'birthday-begin')).toBe(false);
    stage.offer([wan], { ...hard, spareSockets: 256 });
    expect(stage.others.at(-1)).toEqual({ type: 'birthday-begin', sockets: 0 });
    const before = stage.probes.length;
    stage.agent.handleBirthdayBegun(stage.now, []);
    stage.run(45_000);
    const tried = stage.probes.slice(before).filter(({ to }) => to.port !== wan.port);
    expect(tried).toHaveLength(1_750);
    expect(stage.others.at(-1)).toEqual({ type: 'birthday-end', keep: undefined });
    expect(stage.agent.report(stage.now).birthday).toBe('failed');
    // Again only after ten minutes, whatever the peer says.
    stage.offer([wan], { ...hard, spareSockets: 256 }).run(60_000);
    expect(stage.others.filter(({ type }) => type === 'birthday-begin')).toHaveLength(1);
  });

  it.each([
    ["the server's address", { address: '198.51.100.1', port: 5 }],
    ['a machine of a private network', { address: '192.168.1.1', port: 5 }],
    ['IPv6', ipv6],
  ])('does not try ports of %s', (_, target) => {
    const stage = new Stage({ forbidden: [{ address: '198.51.100.1', port: 4433 }] }).status();
    stage.agent.setOwnCandidates(0, [own, { kind: 'reflexive', address: '203.0.113.1', port: 5 }], easy);
    stage.offer([target], { ...hard, spareSockets: 256 }).run(10_000);
    expect(stage.others.some(({ type }) => type === 'birthday-begin')).toBe(false);
  });

  it('gives back a turn that comes too late', () => {
    const stage = new Stage().status();
    stage.agent.setOwnCandidates(0, [own], easy);
    stage.offer([wan], { ...hard, spareSockets: 256 }).run(1_000);
    stage.offer([wan], hard).run(1_000);
    expect(stage.others.at(-1)).toEqual({ type: 'birthday-end', keep: undefined });
    const before = stage.probes.length;
    stage.agent.handleBirthdayBegun(stage.now, []);
    stage.run(1_000);
    expect(stage.probes.length).toBeLessThan(before + 10);
  });
});

describe('data without an answer', () => {
  it('makes the agent ask what others see of us every two seconds, however lately it was asked', () => {
    const stage = new Stage().status().offer([wan]).run(30_000);
    const asked = (): number => stage.others.filter(({ type }) => type === 'ask-reflexive').length;
    const before = asked();
    for (let i = 1; i <= 4 * 6; i += 1) stage.run(250).status({ unansweredMs: 250 * i });
    expect(asked() - before).toBe(3);
  });
});

describe('a peer that tells other addresses than before', () => {
  const offers = (stage: Stage): number => stage.others.filter(({ type }) => type === 'offer').length;

  it('is told ours again, as it may have been away when they were; who tells the same again is not', () => {
    const stage = new Stage();
    stage.status();
    stage.agent.setOwnCandidates(stage.now, [own]);
    stage.offer([wan]).run(1_000);
    const before = offers(stage);
    stage.offer([wan]).run(1_000);
    expect(offers(stage)).toBe(before);
    stage.offer([lan]).run(1_000);
    expect(offers(stage)).toBe(before + 1);
  });
});
