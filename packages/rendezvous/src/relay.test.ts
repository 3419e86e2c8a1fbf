import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { SeededRandom } from '@parley/simulator';
import { decodeRelayFrame, encodeRelayFrame, type RelayFrame, type RelaySide } from './relay-frames.js';
import { Relay, type RelayLimits, type RelayPlace, type RelayTransmit } from './relay.js';
import type { Address } from './stun-message.js';

const generous: RelayLimits = {
  channels: 100,
  channelsPerUser: 10,
  userBytesPerSecond: Infinity,
  bytesPerSecond: Infinity,
  userQuotaBytes: Infinity,
  quotaPeriodMs: 3_600_000,
  queueDatagrams: 32,
  queueBytes: 65_536,
  queuesBytes: 16_000_000,
};

const mac = (key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array => {
  const hmac = createHmac('sha256', key);
  for (const part of parts) hmac.update(part);
  return new Uint8Array(hmac.digest());
};
const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
const token = (value: number): Uint8Array => new Uint8Array(32).fill(value);
const at = (port: number, address = '192.0.2.1'): Address => ({ address, port });
const udp = (port: number): RelayPlace => ({ kind: 'udp', address: at(port) });
const control = (user: string): RelayPlace => ({ kind: 'control', user });
const portOf = ({ to }: RelayTransmit): number | undefined => (to.kind === 'udp' ? to.address.port : undefined);

function isTo({ to }: RelayTransmit, { address, port }: Address): boolean {
  return to.kind === 'udp' && to.address.address === address && to.address.port === port;
}

class Scene {
  now = 1_000_000;
  readonly random = new SeededRandom(1);
  readonly relay: Relay;
  readonly quotasUsed: string[] = [];

  constructor(limits: Partial<RelayLimits> = {}) {
    const random = (length: number): Uint8Array => this.random.bytes(length);
    const onQuotaUsed = (user: string): void => {
      this.quotasUsed.push(user);
    };
    this.relay = new Relay(this.now, { mac, random, equal, onQuotaUsed, limits: { ...generous, ...limits } });
  }

  grant(channel: number, users: [string, string] = ['ann', 'bob']): boolean {
    return this.relay.allow(this.now, { channel, users, tokens: [token(channel), token(channel + 100)] });
  }

  /** @returns what leaves then */
  hear(from: Address, frame: RelayFrame): RelayTransmit[] {
    this.relay.handleDatagram(this.now, from, encodeRelayFrame(frame));
    return this.sent();
  }

  sent(): RelayTransmit[] {
    const sent: RelayTransmit[] = [];
    for (let next = this.relay.pollTransmit(this.now); next; next = this.relay.pollTransmit(this.now)) sent.push(next);
    return sent;
  }

  challenged(from: Address, channel: number, side: RelaySide): Uint8Array {
    const [answer] = this.hear(from, { type: 'bind', side, channel });
    const frame = answer && decodeRelayFrame(answer.bytes);
    if (frame?.type !== 'challenge') throw new Error('no challenge');
    return frame.cookie;
  }

  bind(from: Address, channel: number, side: RelaySide, secret = token(side === 0 ? channel : channel + 100)): boolean {
    const cookie = this.challenged(from, channel, side);
    const sent = this.hear(from, { type: 'prove', side, channel, cookie, proof: mac(secret, cookie).slice(0, 16) });
    return sent.some((one) => isTo(one, from) && decodeRelayFrame(one.bytes)?.type === 'bound');
  }

  /** By the control connection of that user. */
  sayOnControl(user: string, channel: number, side: RelaySide, length = 100): RelayTransmit[] {
    const frame = encodeRelayFrame({ type: 'data', side, channel, payload: new Uint8Array(length) });
    this.relay.handleControlFrame(this.now, user, frame);
    return this.sent();
  }

  say(from: Address, channel: number, side: RelaySide, length = 100): RelayTransmit[] {
    return this.hear(from, { type: 'data', side, channel, payload: new Uint8Array(length) });
  }
}

describe('Relay', () => {
  it('forwards between two addresses that have proved themselves, unchanged', () => {
    const scene = new Scene();
    scene.grant(7);
    expect(scene.bind(at(1), 7, 0)).toBe(true);
    expect(scene.bind(at(2), 7, 1)).toBe(true);
    const there = scene.say(at(1), 7, 0);
    expect(there.map(({ to }) => to)).toEqual([udp(2)]);
    expect(decodeRelayFrame(there[0]?.bytes ?? token(0))).toMatchObject({ type: 'data', side: 0, channel: 7 });
    expect(scene.say(at(2), 7, 1).map(({ to }) => to)).toEqual([udp(1)]);
  });

  it('follows a side that proves another address', () => {
    const scene = new Scene();
    scene.grant(7);
    scene.bind(at(1), 7, 0);
    scene.bind(at(2), 7, 1);
    expect(scene.bind(at(3), 7, 0)).toBe(true);
    expect(scene.say(at(1), 7, 0)).toEqual([]);
    expect(scene.say(at(2), 7, 1).map(({ to }) => to)).toEqual([udp(3)]);
  });

  it.each([
    ['the token of the other side', at(1), token(107)],
    ['another token', at(1), token(50)],
  ])('binds nobody with %s', (_what, from, secret) => {
    const scene = new Scene();
    scene.grant(7);
    expect(scene.bind(from, 7, 0, secret)).toBe(false);
  });

  it('a cookie is good at its address, for its side and its channel, and for a minute', () => {
    const scene = new Scene();
    scene.grant(7);
    scene.grant(8);
    const cookie = scene.challenged(at(1), 7, 0);
    const prove = (from: Address, channel: number, side: RelaySide): number => {
      const secret = token(side === 0 ? channel : channel + 100);
      return scene.hear(from, { type: 'prove', side, channel, cookie, proof: mac(secret, cookie).slice(0, 16) }).length;
    };
    expect([prove(at(9), 7, 0), prove(at(1, '192.0.2.9'), 7, 0), prove(at(1), 7, 1), prove(at(1), 8, 0)]).toEqual([
      0, 0, 0, 0,
    ]);
    scene.now += 29_000;
    expect(prove(at(1), 7, 0)).toBe(1);
    scene.now += 60_000;
    expect(prove(at(1), 7, 0)).toBe(0);
  });

  it('is silent to strangers, to channels that are not, and to what only a relay says', () => {
    const scene = new Scene();
    scene.grant(7);
    scene.bind(at(1), 7, 0);
    scene.bind(at(2), 7, 1);
    expect(scene.say(at(9), 7, 0)).toEqual([]);
    expect(scene.say(at(2), 7, 0)).toEqual([]);
    expect(scene.hear(at(9), { type: 'bind', side: 0, channel: 6 })).toEqual([]);
    expect(scene.hear(at(1), { type: 'bound', side: 0, channel: 7 })).toEqual([]);
    expect(scene.hear(at(1), { type: 'challenge', side: 0, channel: 7, cookie: new Uint8Array(16) })).toEqual([]);
  });

  it('forwards nothing after a channel was revoked', () => {
    const scene = new Scene();
    for (const channel of [7, 8]) {
      scene.grant(channel);
      scene.bind(at(channel), channel, 0);
      scene.bind(at(channel + 10), channel, 1);
    }
    scene.relay.revoke(7);
    expect(scene.say(at(7), 7, 0)).toEqual([]);
    expect(scene.sayOnControl('ann', 7, 0)).toEqual([]);
    expect(scene.say(at(8), 8, 0)).toHaveLength(1);
    expect([scene.relay.channelCount, scene.relay.has(7), scene.relay.has(8)]).toEqual([1, false, true]);
  });

  it('uses an address for a minute after its proof', () => {
    const scene = new Scene();
    scene.grant(7);
    scene.bind(at(1), 7, 0);
    scene.now += 40_000;
    scene.bind(at(2), 7, 1);
    scene.now += 19_999;
    expect(scene.say(at(2), 7, 1).map(({ to }) => to)).toEqual([udp(1)]);
    expect(scene.say(at(1), 7, 0)).toHaveLength(1);
    scene.now += 1;
    expect(scene.say(at(2), 7, 1).map(({ to }) => to)).toEqual([control('ann')]);
    expect(scene.say(at(1), 7, 0)).toEqual([]);
  });

  it('grants a user so many channels, all so many, and again when one has ended', () => {
    const scene = new Scene({ channels: 3, channelsPerUser: 2 });
    expect([scene.grant(1), scene.grant(2), scene.grant(3), scene.grant(4, ['cat', 'dan'])]).toEqual([
      true,
      true,
      false,
      true,
    ]);
    expect(scene.grant(5, ['eve', 'fay'])).toBe(false);
    scene.relay.revoke(1);
    expect(scene.grant(6)).toBe(true);
  });

  it('grants no channel twice', () => {
    const scene = new Scene();
    expect([scene.grant(7), scene.grant(7, ['cat', 'dan'])]).toEqual([true, false]);
    expect(scene.sayOnControl('cat', 7, 0)).toEqual([]);
  });
});

describe('a side on its control connection', () => {
  it('is there from the beginning, without proof', () => {
    const scene = new Scene();
    scene.grant(7);
    expect(scene.sayOnControl('ann', 7, 0).map(({ to }) => to)).toEqual([control('bob')]);
    expect(scene.sayOnControl('bob', 7, 1).map(({ to }) => to)).toEqual([control('ann')]);
  });

  it('is by UDP from its proof on, and back when it uses the connection, and by UDP again when it uses that', () => {
    const scene = new Scene();
    scene.grant(7);
    const placeOfAnn = (): RelayPlace[] => scene.sayOnControl('bob', 7, 1).map(({ to }) => to);
    scene.bind(at(1), 7, 0);
    expect(placeOfAnn()).toEqual([udp(1)]);
    scene.sayOnControl('ann', 7, 0);
    expect(placeOfAnn()).toEqual([control('ann')]);
    // What was on its way on the connection while the address was proved does not undo it for long.
    expect(scene.say(at(1), 7, 0)).toHaveLength(1);
    expect(placeOfAnn()).toEqual([udp(1)]);
  });

  it('is nobody else: neither the other side nor a stranger, and only data is taken', () => {
    const scene = new Scene();
    scene.grant(7);
    scene.bind(at(1), 7, 0);
    scene.bind(at(2), 7, 1);
    for (const user of ['bob', 'cat', '']) expect(scene.sayOnControl(user, 7, 0)).toEqual([]);
    scene.relay.handleControlFrame(scene.now, 'ann', encodeRelayFrame({ type: 'bind', side: 0, channel: 7 }));
    scene.relay.handleControlFrame(scene.now, 'ann', Uint8Array.of(0x64, 2, 0, 0, 0, 7, 1));
    scene.relay.handleControlFrame(scene.now, 'ann', new Uint8Array(0));
    expect(scene.sent()).toEqual([]);
    expect(scene.say(at(2), 7, 1).map(({ to }) => to)).toEqual([udp(1)]);
  });
});

describe('what users may take', () => {
  function talking(limits: Partial<RelayLimits>): Scene {
    const scene = new Scene(limits);
    for (const [channel, users] of [
      [1, ['ann', 'bob']],
      [2, ['cat', 'dan']],
    ] as const) {
      scene.grant(channel, [...users]);
      scene.bind(at(channel), channel, 0);
      scene.bind(at(channel + 10), channel, 1);
    }
    return scene;
  }

  it('is so many bytes a second, each for what it sends', () => {
    const scene = talking({ userBytesPerSecond: 100_000 });
    let forwarded = 0;
    for (let ms = 0; ms < 10_000; ms += 1) {
      scene.now += 1;
      forwarded += scene.say(at(1), 1, 0, 1_000).length;
    }
    // 25 KB at once, and 100 KB a second.
    expect(forwarded).toBeGreaterThan(1_000);
    expect(forwarded).toBeLessThan(1_030);
    expect(scene.say(at(11), 1, 1, 1_000)).toHaveLength(1);
  });

  it('is so many bytes in a period', () => {
    const scene = talking({ userQuotaBytes: 2_500 });
    expect([1, 2, 3].map(() => scene.say(at(1), 1, 0, 1_000).length)).toEqual([1, 1, 0]);
    expect(scene.say(at(2), 2, 0, 1_000)).toHaveLength(1);
    expect(scene.say(at(1), 1, 0, 1_000)).toEqual([]);
    expect(scene.quotasUsed).toEqual(['ann']);
    scene.now += 3_600_000;
    scene.bind(at(1), 1, 0);
    expect(scene.say(at(1), 1, 0, 1_000)).toHaveLength(1);
    expect([1, 2].map(() => scene.say(at(1), 1, 0, 1_000).length)).toEqual([1, 0]);
    expect(scene.quotasUsed).toEqual(['ann', 'ann']);
  });

  it('is counted per user, whichever channel; a new one brings no new quota', () => {
    const scene = talking({ userQuotaBytes: 2_500 });
    for (let i = 0; i < 3; i += 1) scene.say(at(1), 1, 0, 1_000);
    scene.relay.revoke(1);
    scene.relay.handleTimeout(scene.now + 60_000);
    scene.grant(3);
    expect(scene.sayOnControl('ann', 3, 0, 1_000)).toEqual([]);
    expect(scene.sayOnControl('bob', 3, 1, 1_000)).toHaveLength(1);
  });

  it('counts a small datagram as 256 bytes: it is as much work as a large one', () => {
    const scene = talking({ userQuotaBytes: 1_024 });
    expect([1, 2, 3, 4, 5].map(() => scene.say(at(1), 1, 0, 1).length)).toEqual([1, 1, 1, 1, 0]);
  });

  it('is a fair part of what all may take: a flood starves nobody', () => {
    const scene = talking({ bytesPerSecond: 1_000_000 });
    let chat = 0;
    for (let ms = 0; ms < 5_000; ms += 1) {
      scene.now += 1;
      for (let i = 0; i < 10; i += 1) {
        scene.relay.handleDatagram(
          scene.now,
          at(1),
          encodeRelayFrame({ type: 'data', side: 0, channel: 1, payload: new Uint8Array(1_200) }),
        );
      }
      if (ms % 20 === 0) {
        const frame = encodeRelayFrame({ type: 'data', side: 0, channel: 2, payload: new Uint8Array(100) });
        scene.relay.handleDatagram(scene.now, at(2), frame);
      }
      chat += scene.sent().filter((one) => portOf(one) === 12).length;
    }
    expect(chat).toBeGreaterThan(245);
  });

  it('is nothing where nothing may be relayed, and waits for nothing then', () => {
    const scene = talking({ bytesPerSecond: 0 });
    expect(scene.say(at(1), 1, 0)).toEqual([]);
    expect(scene.relay.nextTimeout(scene.now)).toBeLessThan(scene.now + 10_001);
  });

  it('asks to be called again when there is room', () => {
    const scene = talking({ bytesPerSecond: 10_000 });
    for (let i = 0; i < 10; i += 1) scene.say(at(1), 1, 0, 1_000);
    expect(scene.sent()).toEqual([]);
    const next = scene.relay.nextTimeout(scene.now);
    expect(next).toBeGreaterThan(scene.now);
    scene.now = next;
    expect(scene.sent()).toHaveLength(1);
  });
});

/** What an attacker may claim to come from, or name in whatever field. */
const hostileAddresses = [
  ...['127.0.0.1', '10.0.0.1', '192.168.1.1', '169.254.169.254', '224.0.0.1', '255.255.255.255', '0.0.0.0'],
  ...['::1', '::', '::ffff:127.0.0.1', '64:ff9b::7f00:1', 'fe80::1', 'ff02::1', 'fd00::1', '198.51.100.7', ''],
];

it('a million hostile frames: nothing to the unproven but challenges, and less out than in', () => {
  const scene = new Scene();
  scene.grant(7);
  scene.bind(at(1), 7, 0);
  scene.bind(at(2), 7, 1);
  const { random } = scene;
  const cookie = scene.challenged(at(1), 7, 0);
  const proof = mac(token(7), cookie).slice(0, 16);
  // Among them a proof that was good, from another address.
  const good = [
    encodeRelayFrame({ type: 'bind', side: 0, channel: 7 }),
    encodeRelayFrame({ type: 'prove', side: 0, channel: 7, cookie, proof }),
    encodeRelayFrame({ type: 'data', side: 0, channel: 7, payload: new Uint8Array(60) }),
  ];
  let bytesIn = 0;
  let bytesOut = 0;
  const wrong: unknown[] = [];
  for (let i = 0; i < 1_000_000; i += 1) {
    const bytes = random.chance(0.3) ? random.bytes(random.below(60)) : good[random.below(3)]!.slice();
    if (bytes.length > 1 && random.chance(0.3)) bytes[0] = 0x60 + random.below(5);
    if (bytes.length > 6 && random.chance(0.5)) bytes[random.below(bytes.length)] = random.below(256);
    const from = at(1 + random.below(65_535), hostileAddresses[random.below(hostileAddresses.length)]);
    bytesIn += bytes.length;
    if (random.chance(0.2)) scene.relay.handleControlFrame(scene.now, 'eve', bytes);
    else scene.relay.handleDatagram(scene.now, from, bytes);
    for (const one of scene.sent()) {
      bytesOut += one.bytes.length;
      const isChallenge = isTo(one, from) && decodeRelayFrame(one.bytes)?.type === 'challenge';
      if (!isChallenge || one.bytes.length >= bytes.length) wrong.push(one);
    }
  }
  expect(wrong).toEqual([]);
  expect(bytesOut).toBeGreaterThan(0);
  expect(bytesOut).toBeLessThan(bytesIn);
  expect(scene.say(at(1), 7, 0).map(({ to }) => to)).toEqual([udp(2)]);
}, 60_000);
