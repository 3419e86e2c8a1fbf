import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ParleyError, type RelayGrant } from '@parley/protocol';
import {
  decodeOffer,
  encodeOffer,
  unknownNat,
  type Address,
  type Candidate,
  type NatKind,
  type PathOffer,
  type PathReport,
} from '@parley/rendezvous';
import { TransportError, type LinkEnd, type LinkStatus } from '@parley/transport';
import { generateKeyPair } from '@parley/transport/node';
import { BirthdayTurns } from './birthday-turns.js';
import { FoundLink, type FoundLinkOptions } from './found-link.js';
import type { MovableLink, MovableLinkHandlers } from './ports.js';
import { RelayCarrier } from './relay-carrier.js';
import { SealedOffers } from './sealed-offer.js';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

const settleMs = 150;
const own: Candidate = { kind: 'host', address: '10.0.0.5', port: 4000 };
const peers: Candidate = { kind: 'host', address: '10.0.0.9', port: 5000 };
const grant: RelayGrant = { channel: 5, side: 0, token: Buffer.alloc(32).toString('base64') };
const introduction = 'ab'.repeat(16);
const offerOf = (revision: number, more: Partial<PathOffer> = {}): PathOffer => ({
  ...{ revision, ...unknownNat, spareSockets: 0, candidates: [peers], ...more },
});

/** A link of the transport that does as it is told. */
class FakeTransportLink implements MovableLink {
  path: Address | undefined;
  rttMs: number | undefined;
  sentPackets = 0;
  unansweredMs = 0;
  looks = 0;
  /** Whether it moves where it is told to. */
  moves = true;
  isClosed = false;
  readonly sent: Uint8Array[] = [];
  readonly probes: Address[] = [];
  readonly added: Address[] = [];
  readonly movedTo: Address[] = [];
  handlers!: MovableLinkHandlers;

  get status(): LinkStatus {
    this.looks += 1;
    const { path, rttMs, sentPackets, unansweredMs } = this;
    return {
      ...{ state: 'established', path, isPathProven: true, rttMs, datagramBytes: 1_200 },
      ...{ sentPackets, lostPackets: 0, unansweredMs },
      congestion: { name: '', phase: '', windowBytes: 0 },
      keys: { epoch: 1, ageMs: 0, postQuantum: { ours: true, peers: true } },
    };
  }

  send(bytes: Uint8Array): void {
    this.sent.push(bytes);
  }

  probe(to: Address): void {
    this.probes.push(to);
  }

  addCandidates(addresses: readonly Address[]): void {
    this.added.push(...addresses);
  }

  moveTo(to: Address): boolean {
    this.movedTo.push(to);
    if (!this.moves) return false;
    this.path = to;
    this.handlers.moved();
    return true;
  }

  close(): Promise<void> {
    if (!this.isClosed) this.handlers.ended({ kind: 'closed', by: 'us', code: 0, reason: '' });
    this.isClosed = true;
    return Promise.resolve();
  }

  establish(path: Address): void {
    this.path = path;
    this.handlers.established();
  }
}

interface World {
  readonly policy?: FoundLinkOptions['policy'];
  readonly nat?: NatKind;
}

function setUp({ policy = 'auto', nat = unknownNat }: World = {}) {
  const told: string[] = [];
  const offers: PathOffer[] = [];
  const sockets = { asked: [] as number[], closed: [] as number[] };
  const gone: PathReport[] = [];
  const world = { candidates: [own], nat, isServerAway: false, asked: 0 };
  const [here, there] = [generateKeyPair(), generateKeyPair()];
  const seals = (mine: typeof here, other: typeof here, role: 'initiator' | 'responder') =>
    SealedOffers.between({ privateKey: mine.privateKey, peerKey: other.publicKey, introduction, role })!;
  const peer = seals(there, here, 'responder');
  const carrier = new RelayCarrier({ sendUdp: () => undefined, receive: () => undefined });
  const send = (): Promise<void> => Promise.resolve();
  carrier.setControl({ relay: { address: '192.0.2.1', port: 7420 }, send });
  const relay = carrier.open(grant);
  const opened: number[] = [];
  const birthdays = new BirthdayTurns({
    open: (count) => {
      sockets.asked.push(count);
      const numbers = Array.from({ length: count }, (_, i) => i + 1);
      opened.push(...numbers);
      return Promise.resolve(numbers);
    },
    close: (number) => sockets.closed.push(number),
  });
  const link = new FoundLink(
    'bob',
    {
      ...{ role: 'controlling', policy, carrier, birthdays, settleMs },
      relay: policy === 'direct-only' ? undefined : relay,
      offers: seals(here, there, 'initiator'),
      rules: { forbidden: [], mayUseLoopback: true },
      ownCandidates: () => world.candidates,
      nat: () => world.nat,
      askAgain: () => (world.asked += 1),
      sendOffer: (sealed) => {
        if (world.isServerAway) return Promise.reject(new ParleyError('SERVER_LOST'));
        offers.push(decodeOffer(peer.open(sealed)!)!);
        return Promise.resolve();
      },
      random: (length) => randomBytes(length),
      onGone: (report) => gone.push(report),
    },
    {
      established: () => told.push('established'),
      message: (bytes) => told.push(`message ${String(bytes[0])}`),
      moved: () => told.push('moved'),
      ended: ({ kind }: LinkEnd) => told.push(`ended ${kind}`),
    },
  );
  const below = new FakeTransportLink();
  let accepts: (from: Address) => boolean = () => false;
  link.begin((handlers, accepting) => {
    below.handlers = handlers;
    accepts = accepting;
    return below;
  });
  return {
    ...{ link, below, told, offers, peer, carrier, relay, gone, world, sockets, opened },
    accepts: (from: Address) => accepts(from),
    /** The peer tells where it may be reached. */
    offered: (offer: PathOffer) => {
      link.handleSealedOffer(peer.seal(encodeOffer(offer)));
    },
    pass: (ms: number) => jest.advanceTimersByTimeAsync(ms),
  };
}

describe('a link is told of', () => {
  it('at once when it stands by a direct path', () => {
    const { below, told, link } = setUp();
    below.establish(peers);
    expect(told).toEqual(['established']);
    expect(link.path).toBe('direct');
  });

  it('when it has looked for a direct path long enough', async () => {
    const { below, told, relay, link, pass } = setUp();
    below.establish(relay);
    await pass(settleMs - 1);
    expect(told).toEqual([]);
    await pass(1);
    expect(told).toEqual(['established']);
    expect(link.path).toBe('relayed');
  });

  it('as soon as it becomes direct, and once only', async () => {
    const { below, told, relay, pass } = setUp();
    below.establish(relay);
    await pass(50);
    below.moveTo(peers);
    expect(told).toEqual(['established', 'moved']);
    await pass(settleMs);
    expect(told).toEqual(['established', 'moved']);
  });

  it('before the first message, however early it comes', async () => {
    const { below, told, relay, pass } = setUp();
    below.establish(relay);
    below.handlers.message(Uint8Array.of(7));
    expect(told).toEqual(['established', 'message 7']);
    await pass(settleMs);
    expect(told).toHaveLength(2);
  });

  it('at once with relay-only, for nothing is looked for', () => {
    const { below, told, relay } = setUp({ policy: 'relay-only' });
    below.establish(relay);
    expect(told).toEqual(['established']);
  });

  it('never, when it ends before', async () => {
    const { below, told, relay, pass } = setUp();
    below.establish(relay);
    below.handlers.ended({ kind: 'lost' });
    await pass(settleMs);
    expect(told).toEqual(['ended lost']);
  });
});

describe('a direct path is found', () => {
  it('by trying what the peer tells; the link then moves there', async () => {
    const { below, link, offered, relay, told, pass } = setUp();
    below.establish(relay);
    offered(offerOf(1));
    await pass(60);
    expect(below.probes).toContainEqual({ address: peers.address, port: peers.port });
    below.handlers.probed(peers, 3);
    await pass(200);
    expect(below.movedTo).toContainEqual({ address: peers.address, port: peers.port });
    expect(link.isDirect).toBe(true);
    expect(told).toEqual(['established', 'moved']);
    expect(link.report).toMatchObject({ verdict: { state: 'direct', over: 'local-network' } });
  });

  it('where something authentic came from', async () => {
    const { below, relay, pass } = setUp();
    below.establish(relay);
    const from = { address: '203.0.113.9', port: 6000 };
    below.handlers.heard(from);
    await pass(60);
    expect(below.probes).toContainEqual(from);
  });

  it('before there is any, by the handshake', () => {
    const { below, offered, relay, link } = setUp();
    expect(link.candidates).toEqual([relay]);
    offered(offerOf(1));
    expect(below.added).toContainEqual({ address: peers.address, port: peers.port });
    expect(below.probes).toEqual([]);
  });

  it('a link that does not move stays where it is', async () => {
    const { below, link, offered, relay, pass } = setUp();
    below.moves = false;
    below.establish(relay);
    offered(offerOf(1));
    await pass(60);
    below.handlers.probed(peers, 3);
    await pass(200);
    expect(below.movedTo.length).toBeGreaterThan(0);
    expect(link.path).toBe('relayed');
  });

  it('with many sockets where this router gives each destination another port, one conversation at a time', async () => {
    const nat: NatKind = { ...unknownNat, mapping: 'endpoint-dependent' };
    const { below, offered, relay, sockets, opened, link, pass } = setUp({ nat });
    below.establish(relay);
    offered(offerOf(1, { mapping: 'endpoint-independent' }));
    await pass(1_900);
    expect(sockets.asked).toEqual([]);
    await pass(1_000);
    expect(sockets.asked).toEqual([256]);
    expect(below.probes.some(({ address }) => address.startsWith('via-'))).toBe(true);
    await link.close();
    // What the transport says last goes by them.
    expect(sockets.closed).toEqual([]);
    await pass(2_000);
    expect(sockets.closed).toEqual(opened);
  });
});

describe('policies', () => {
  it('relay-only shows no address: nothing is told, tried or taken but by the relay', async () => {
    const nat: NatKind = { mapping: 'endpoint-independent', filtering: 'not-by-port', isUdpBlocked: false };
    const { below, offers, offered, accepts, relay, link, world, pass } = setUp({ policy: 'relay-only', nat });
    expect(link.candidates).toEqual([relay]);
    below.establish(relay);
    offered(offerOf(1));
    below.handlers.heard(peers);
    link.addressChanged();
    await pass(70_000);
    expect(offers.length).toBeGreaterThan(0);
    for (const offer of offers) expect(offer).toMatchObject({ candidates: [], ...unknownNat, spareSockets: 0 });
    const elsewhere = [...below.probes, ...below.added, ...below.movedTo].filter(({ address }) => address !== 'relay');
    expect(elsewhere).toEqual([]);
    expect([accepts(relay), accepts(peers)]).toEqual([true, false]);
    expect(world.asked).toBe(0);
    expect(link.report.verdict).toEqual({ state: 'relayed', reason: { kind: 'own-policy' } });
  });

  it('direct-only takes nothing from the relay', () => {
    const { accepts, relay, link } = setUp({ policy: 'direct-only' });
    expect([accepts(relay), accepts(peers)]).toEqual([false, true]);
    expect(link.candidates).toEqual([]);
  });
});

describe('offers', () => {
  it('tell the peer alone where this device may be reached, and again when that changes', async () => {
    const { offers, link, world, pass } = setUp();
    expect(offers).toMatchObject([{ revision: 1, candidates: [own] }]);
    const mapped: Candidate = { kind: 'mapped', address: '203.0.113.5', port: 7000 };
    world.candidates = [own, mapped];
    link.ownCandidatesChanged();
    await pass(200);
    expect(offers.slice(1)).toMatchObject([{ revision: 2, candidates: [own, mapped] }]);
    link.ownCandidatesChanged();
    await pass(200);
    expect(offers).toHaveLength(2);
  });

  it('are sent again, sealed anew, when the server is back', async () => {
    const { offers, link, world, pass } = setUp();
    offers.length = 0;
    world.isServerAway = true;
    world.candidates = [];
    link.ownCandidatesChanged();
    await pass(250);
    expect(offers).toEqual([]);
    world.isServerAway = false;
    link.tellAgain();
    expect(offers).toMatchObject([{ revision: 2, candidates: [] }]);
    await pass(0);
    link.tellAgain();
    await pass(60_000);
    expect(offers).toHaveLength(1);
  });

  it('are tried again from time to time meanwhile, and only the newest', async () => {
    const { offers, link, world, pass } = setUp();
    offers.length = 0;
    world.isServerAway = true;
    world.candidates = [];
    link.ownCandidatesChanged();
    await pass(250);
    world.candidates = [own];
    link.ownCandidatesChanged();
    await pass(3_000);
    world.isServerAway = false;
    await pass(30_000);
    expect(offers).toMatchObject([{ revision: 3, candidates: [own] }]);
  });

  it('that are forged, of another introduction or no offers at all change nothing', async () => {
    const { below, link, peer, relay, pass } = setUp();
    below.establish(relay);
    link.handleSealedOffer(randomBytes(80));
    link.handleSealedOffer(new Uint8Array(0));
    link.handleSealedOffer(peer.seal(Uint8Array.of(9, 9, 9)));
    const stranger = SealedOffers.between({
      ...{ privateKey: generateKeyPair().privateKey, peerKey: generateKeyPair().publicKey },
      ...{ introduction, role: 'responder' },
    })!;
    link.handleSealedOffer(stranger.seal(encodeOffer(offerOf(1))));
    await pass(1_000);
    expect([...below.added, ...below.probes]).toEqual([]);
    expect(link.report.peer).toBeUndefined();
  });
});

describe('when the network changes', () => {
  it('STUN is asked, the peer is told, and the path is asked whether it still is one', async () => {
    const { below, link, offers, world, pass } = setUp();
    below.establish(peers);
    await pass(10_000);
    const before = { offers: offers.length, asked: world.asked, probes: below.probes.length };
    link.addressChanged();
    await pass(250);
    expect(offers.length).toBeGreaterThan(before.offers);
    expect(world.asked).toBeGreaterThan(before.asked);
    expect(below.probes.slice(before.probes)).toContainEqual({ address: peers.address, port: peers.port });
  });

  it('the relay has another channel under the same name', () => {
    const { link, carrier, relay } = setUp();
    link.useRelay({ ...grant, channel: 77 });
    expect(carrier.wayTo(relay)).toBe('control');
  });
});

describe('the link is looked at', () => {
  it('four times a second while it is used, and once a second when nothing happens', async () => {
    const { below, link, pass } = setUp();
    below.establish(peers);
    // What the agent began with the path is over.
    await pass(20_000);
    const looks = async (): Promise<number> => {
      const before = below.looks;
      await pass(4_000);
      return below.looks - before;
    };
    expect(await looks()).toBeLessThanOrEqual(4);
    link.send(Uint8Array.of(1));
    below.unansweredMs = 1;
    expect(below.sent).toEqual([Uint8Array.of(1)]);
    expect(await looks()).toBeGreaterThanOrEqual(15);
  });
});

describe('an end', () => {
  it.each<LinkEnd>([{ kind: 'lost' }, { kind: 'no-path' }, { kind: 'closed', by: 'peer', code: 0, reason: '' }])(
    '%j frees everything, and keeps the report',
    async (end) => {
      const { below, link, offered, offers, carrier, relay, told, gone, world, pass } = setUp();
      below.establish(relay);
      offered(offerOf(1));
      await pass(500);
      below.handlers.ended(end);
      expect(told.at(-1)).toBe(`ended ${end.kind}`);
      // Whoever has closed it waits for an answer, which the transport still gives.
      const isAnswered = end.kind === 'closed';
      expect(carrier.wayTo(relay)).toBe(isAnswered ? 'control' : 'none');
      expect(jest.getTimerCount()).toBe(isAnswered ? 2 : 0);
      expect(gone).toEqual([link.report]);
      expect(link.report.pairs.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['host', 'relay']));
      const before = [below.probes.length, offers.length, world.asked];
      world.candidates = [];
      link.ownCandidatesChanged();
      link.addressChanged();
      link.tellAgain();
      offered(offerOf(2));
      below.handlers.probed(peers, 3);
      await pass(5_000);
      expect([below.probes.length, offers.length, world.asked]).toEqual(before);
      expect(carrier.wayTo(relay)).toBe('none');
      expect(jest.getTimerCount()).toBe(0);
    },
  );

  it('with the server away leaves no attempt to tell', async () => {
    const { below, link, world, pass } = setUp();
    world.isServerAway = true;
    world.candidates = [];
    link.ownCandidatesChanged();
    await pass(250);
    expect(jest.getTimerCount()).toBeGreaterThan(0);
    below.handlers.ended({ kind: 'lost' });
    await pass(0);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('by closing is told once', async () => {
    const { link, below, relay, told, gone } = setUp();
    below.establish(relay);
    await link.close();
    await link.close();
    expect(told.filter((what) => what.startsWith('ended'))).toEqual(['ended closed']);
    expect(gone).toHaveLength(1);
  });

  it('comes at once for an introduction that the transport refuses', () => {
    const { link, gone, carrier, relay } = setUp();
    const error = new TransportError('INTRODUCTION_INVALID', 'no');
    expect(() => {
      link.begin(() => {
        throw error;
      });
    }).toThrow(error);
    expect(gone).toHaveLength(1);
    expect(carrier.wayTo(relay)).toBe('none');
    expect(jest.getTimerCount()).toBe(0);
  });
});
