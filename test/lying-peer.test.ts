/** A peer that lies about where it may be reached: nothing is sent where a peer cannot be, and little to anybody else. */
import { createSocket, type Socket } from 'node:dgram';
import { hkdfSync, randomBytes } from 'node:crypto';
import { encodeOffer, type Candidate } from '@parley/rendezvous';
import type { KeyPair } from '@parley/transport';
import { generateKeyPair, nodeCrypto, UdpTransport, type LinkHandle } from '@parley/transport/node';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeServer, introductionTo, newId } from './fake-server.js';
import { UdpTap } from './udp-tap.js';
import { until, World, type Person } from './world.js';

let world: World;
let server: FakeServer;
let victim: Socket;
let hits = 0;
let mallory: UdpTransport;
let keyPair: KeyPair;
/** Stands in for the server's UDP ports. */
let stun: Socket;
let atStun: Buffer[] = [];

beforeEach(async () => {
  world = new World();
  hits = 0;
  atStun = [];
  victim = createSocket('udp4').on('message', () => (hits += 1));
  stun = createSocket('udp4').on('message', (bytes) => atStun.push(bytes));
  for (const socket of [victim, stun]) await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  server = await FakeServer.start({
    'server.hello': () => ({ protocol: 1, agent: 'fake', stunPort: stun.address().port, pingIntervalMs: 20_000 }),
  });
  keyPair = generateKeyPair();
  mallory = await UdpTransport.bind({ host: '127.0.0.1', keyPair });
});
afterEach(async () => {
  await world.close();
  await mallory.close();
  await server.stop();
  victim.close();
  stun.close();
});

/** Seals offers as docs and code of the client say, from a hand of its own. */
class Sealer {
  readonly #salt = randomBytes(16);
  readonly #key: Uint8Array;
  #count = 0;

  constructor(alicesKey: Uint8Array, introduction: string) {
    const secret = nodeCrypto.keyAgreement(keyPair.privateKey).shared(alicesKey);
    if (!secret) throw new Error('the key is of small order');
    const salt = Buffer.concat([Buffer.from(introduction, 'hex'), this.#salt]);
    this.#key = new Uint8Array(hkdfSync('sha256', secret, salt, 'parley path offer responder', 32));
  }

  seal(offer: Uint8Array): string {
    this.#count += 1;
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(this.#count);
    const nonce = Buffer.alloc(12);
    nonce.writeUInt32LE(this.#count, 4);
    const header = Buffer.concat([this.#salt, counter]);
    return Buffer.concat([header, nodeCrypto.aead(this.#key).seal(nonce, header, offer)]).toString('base64');
  }
}

interface Scene {
  readonly alice: Person;
  readonly udp: UdpTap;
  readonly link: LinkHandle;
  readonly offer: (candidates: readonly Candidate[]) => void;
  readonly offerBytes: (bytes: Uint8Array) => void;
}

/** Alice in a session with Mallory. @param told what the server says of Mallory in the clear, beside her one address */
async function scene(told: readonly Candidate[] = []): Promise<Scene> {
  const introduction: Record<string, unknown> = {
    ...introductionTo('mallory'),
    deviceKey: Buffer.from(keyPair.publicKey).toString('base64'),
    candidates: [{ kind: 'host', ...mallory.localAddress }, ...told].slice(0, 32),
  };
  server.behaviour = { ...server.behaviour, 'session.open': () => ({ introduction }) };
  const [alice, udp] = await UdpTap.around(() => world.person('alice', { tls: false }));
  await alice.client.connect(server.address);
  await alice.client.login('alice', 'password-1');
  const alicesKey = Buffer.from(server.paramsOf('account.login')[0]?.['deviceKey'] as string, 'base64');
  const id = introduction['id'] as string;
  const link = mallory.open(
    {
      id: Buffer.from(id, 'hex'),
      psk: Buffer.from(introduction['psk'] as string, 'base64'),
      peerKey: alicesKey,
      role: 'responder',
      candidates: [],
    },
    {},
  );
  await alice.client.open('mallory');
  const sealer = new Sealer(alicesKey, id);
  let revision = 0;
  const offerBytes = (bytes: Uint8Array): void => {
    server.latest.notify('path.offered', { peer: 'mallory', introduction: id, sealed: sealer.seal(bytes) });
  };
  const offer = (candidates: readonly Candidate[]): void => {
    revision += 1;
    const unknown = { mapping: undefined, filtering: undefined, isUdpBlocked: false, spareSockets: 0 };
    offerBytes(encodeOffer({ revision, ...unknown, candidates }));
  };
  return { alice, udp, link, offer, offerBytes };
}

const host = (address: string, port: number): Candidate => ({ kind: 'host', address, port });

/** Where nobody's device is. */
function lies(): Candidate[] {
  const { port } = victim.address();
  return [
    host('127.0.0.1', 53),
    host('0.0.0.0', port),
    host('224.0.0.251', 5353),
    host('239.255.255.250', 1900),
    host('255.255.255.255', port),
    host('240.0.0.1', port),
    host('::', port),
    host('ff02::fb', 5353),
    host('::ffff:127.0.0.1', port),
    host('64:ff9b::7f00:1', port),
    host('fe80::1', port),
    host('127.0.0.1', Number(server.address.split(':')[1])),
    host('127.0.0.1', stun.address().port),
  ];
}

/** All that a round of probes takes, and more. */
const roundMs = 6_000;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('addresses where no peer can be', () => {
  it('get nothing, whether the peer offers them or the server tells them', async () => {
    const { alice, udp, link, offer } = await scene(lies());
    offer([host('127.0.0.1', mallory.localAddress.port), ...lies()]);
    await until(() => alice.client.pathTo('mallory').report?.peer !== undefined, 'the offer');
    expect(alice.client.pathTo('mallory').report).toMatchObject({ refused: lies().length });
    await pause(roundMs);
    // To Mallory, and questions of STUN to the server.
    expect(udp.targets).toEqual([mallory.localAddress.port, stun.address().port].sort((a, b) => a - b));
    expect(new Set(udp.sent.map(({ place }) => place.address))).toEqual(new Set(['127.0.0.1']));
    expect(atStun.map((bytes) => bytes.readUInt16BE(0)).filter((type) => type !== 0x0001)).toEqual([]);
    expect(hits).toBe(0);
    expect(link.state).toBe('established');
  });

  it('in offers that are none get nothing, and do no harm', async () => {
    const { alice, udp, offer, offerBytes } = await scene();
    const { port } = victim.address();
    const good = encodeOffer({
      ...{ revision: 9, mapping: undefined, filtering: undefined, isUdpBlocked: false, spareSockets: 0 },
      candidates: [host('127.0.0.1', port)],
    });
    // Port 0; 255 candidates and none there; more behind; cut; nothing.
    const zero = Buffer.from(good);
    zero.writeUInt16BE(0, zero.length - 2);
    const many = Buffer.from(good);
    many[10] = 255;
    for (const bytes of [zero, many, Buffer.concat([good, Buffer.alloc(1)]), good.subarray(0, -1), new Uint8Array()])
      offerBytes(bytes);
    // And thousands, as many as a line of the server's carries.
    offerBytes(Buffer.concat([many.subarray(0, 11), ...Array.from({ length: 300 }, () => good.subarray(11))]));
    await pause(500);
    expect(alice.client.pathTo('mallory').report?.peer).toBeUndefined();
    expect(udp.targets).not.toContain(port);
    // What is one still counts.
    offer([host('127.0.0.1', port)]);
    await until(() => hits > 0, 'a probe');
    expect(alice.client.status().conversation).toMatchObject({ name: 'mallory', path: 'direct' });
  });
});

describe('addresses of somebody else', () => {
  it('get little, however many offers name them', async () => {
    const { alice, udp, link, offer } = await scene();
    const { port } = victim.address();
    const own = mallory.localAddress.port;
    for (let n = 0; n < 200; n += 1) {
      // Every time 31 others, and the victim among them.
      const others = Array.from({ length: 30 }, (_, at) => host('127.0.0.1', 20_000 + ((n * 30 + at) % 6_000)));
      offer([host('127.0.0.1', port), ...others]);
    }
    await until(() => hits > 0, 'a probe');
    await pause(roundMs);
    const strange = udp.sent.filter(({ place }) => place.port !== own && place.port !== stun.address().port);
    // Bounds of the schedule of probes: to one address and to all in a minute, whoever never answered.
    expect(hits).toBeLessThanOrEqual(28);
    expect(strange.length).toBeGreaterThan(20);
    expect(strange.length).toBeLessThanOrEqual(280);
    // Small ones: no victim gets more than who asks for it spends.
    expect(Math.max(...strange.map(({ bytes }) => bytes.length))).toBeLessThan(200);
    expect(link.state).toBe('established');
    expect(alice.client.status().conversation).toMatchObject({ name: 'mallory', path: 'direct' });
  });

  it('get nothing by offers that are not of the peer, or of another conversation', async () => {
    const { alice, udp, offer } = await scene();
    const { port } = victim.address();
    const candidates = [host('127.0.0.1', port)];
    const unknown = { mapping: undefined, filtering: undefined, isUdpBlocked: false, spareSockets: 0 };
    const bytes = encodeOffer({ revision: 1, ...unknown, candidates });
    const alicesKey = Buffer.from(server.paramsOf('account.login')[0]?.['deviceKey'] as string, 'base64');
    await until(() => server.paramsOf('path.offer').length > 0, 'the offer of alice');
    const [mine] = server.paramsOf('path.offer');
    const id = mine?.['introduction'] as string;
    const notify = (introduction: string, sealed: string): void => {
      server.latest.notify('path.offered', { peer: 'mallory', introduction, sealed });
    };
    // For another introduction; noise; and Alice's own sent back to her.
    notify(id, new Sealer(alicesKey, newId()).seal(bytes));
    notify(newId(), new Sealer(alicesKey, id).seal(bytes));
    notify(id, randomBytes(120).toString('base64'));
    notify(id, mine?.['sealed'] as string);
    // One that is genuine is taken all the same.
    offer([host('127.0.0.1', mallory.localAddress.port)]);
    await until(() => alice.client.pathTo('mallory').report?.peer !== undefined, 'the genuine offer');
    await pause(1_000);
    expect(hits).toBe(0);
    expect(udp.targets).not.toContain(port);
  });
});
