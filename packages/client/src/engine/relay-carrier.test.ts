import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { limits, type RelayGrant } from '@parley/protocol';
import {
  decodeRelayFrame,
  encodeRelayFrame,
  relayAddress,
  relayPayloadBytes,
  type Address,
  type RelayFrame,
} from '@parley/rendezvous';
import { RelayCarrier } from './relay-carrier.js';

const relay = { address: '192.0.2.1', port: 7420 };
const elsewhere = { address: '192.0.2.1', port: 7421 };
const grant: RelayGrant = { channel: 5, side: 0, token: Buffer.alloc(32, 1).toString('base64') };
const cookie = new Uint8Array(16).fill(7);
const hello = Uint8Array.of(0x20, 1, 2, 3);

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

function setUp() {
  const udp: { frame: RelayFrame; to: Address }[] = [];
  const received: { bytes: number[]; from: Address }[] = [];
  const carrier = new RelayCarrier({
    sendUdp: (bytes, to) => udp.push({ frame: decodeRelayFrame(bytes)!, to }),
    receive: (bytes, from) => received.push({ bytes: [...bytes], from }),
  });
  const control = fakeControl();
  carrier.setControl(control);
  const from = (frame: RelayFrame, address = relay): void => {
    carrier.handleDatagram(encodeRelayFrame(frame), address);
  };
  /** As the server does it, for the side that the grant names. */
  const bind = ({ channel, side }: Pick<RelayGrant, 'channel' | 'side'> = grant): void => {
    from({ type: 'challenge', channel, side, cookie });
    from({ type: 'bound', channel, side });
    udp.length = 0;
  };
  const types = (): string[] => udp.map(({ frame }) => frame.type);
  return { udp, received, carrier, control, from, bind, types };
}

/** A connection whose answers come when they are told to. */
function fakeControl() {
  const requests: { frames: RelayFrame[]; answer: () => void }[] = [];
  const send = (frames: string[]): Promise<void> =>
    new Promise((resolve) => {
      requests.push({
        frames: frames.map((text) => decodeRelayFrame(Buffer.from(text, 'base64'))!),
        answer: resolve,
      });
    });
  const sent = (): RelayFrame[] => requests.flatMap(({ frames }) => frames);
  return { relay, send, requests, sent };
}

/** What is due in this turn of the event loop, and what follows from it. */
function turn(): Promise<void> {
  return jest.advanceTimersByTimeAsync(1);
}

describe('RelayCarrier', () => {
  it('goes by the control connection at first, and asks the relay by UDP', async () => {
    const { carrier, control, udp } = setUp();
    const name = carrier.open(grant);
    expect(name).toEqual(relayAddress(5));
    expect(carrier.wayTo(name)).toBe('control');
    expect(udp).toEqual([{ frame: { type: 'bind', channel: 5, side: 0 }, to: relay }]);
    carrier.send(hello, name);
    await turn();
    expect(control.sent()).toEqual([{ type: 'data', channel: 5, side: 0, payload: hello }]);
    expect(udp).toHaveLength(1);
  });

  it('goes by UDP as soon as its address is proved, and no more by the control connection', async () => {
    const { carrier, control, from, types, udp } = setUp();
    const name = carrier.open(grant);
    from({ type: 'challenge', channel: 5, side: 0, cookie });
    expect(types()).toEqual(['bind', 'prove']);
    expect(carrier.wayTo(name)).toBe('control');
    from({ type: 'bound', channel: 5, side: 0 });
    expect(carrier.wayTo(name)).toBe('udp');
    carrier.send(hello, name);
    await turn();
    expect(udp.at(-1)).toEqual({ frame: { type: 'data', channel: 5, side: 0, payload: hello }, to: relay });
    expect(control.requests).toEqual([]);
  });

  it('returns to the control connection when the relay falls silent, and to UDP when it answers', async () => {
    const { carrier, control, bind, types } = setUp();
    const name = carrier.open(grant);
    bind();
    await jest.advanceTimersByTimeAsync(19_000);
    expect(types()).toEqual([]);
    await jest.advanceTimersByTimeAsync(12_000);
    expect(types()).toEqual(['bind', 'bind', 'bind', 'bind', 'bind', 'bind']);
    expect(carrier.wayTo(name)).toBe('control');
    carrier.send(hello, name);
    await turn();
    expect(control.sent()).toHaveLength(1);
    bind();
    expect(carrier.wayTo(name)).toBe('udp');
  });

  it('binds at once when our address has changed', () => {
    const { carrier, bind, types } = setUp();
    carrier.open(grant);
    bind();
    carrier.addressChanged();
    expect(types()).toEqual(['bind']);
  });

  it('binds by UDP while there is no control connection', () => {
    const { carrier, from, types } = setUp();
    const name = carrier.open(grant);
    carrier.setControl(undefined);
    expect(carrier.wayTo(name)).toBe('none');
    from({ type: 'challenge', channel: 5, side: 0, cookie });
    from({ type: 'bound', channel: 5, side: 0 });
    carrier.send(hello, name);
    expect(types().at(-1)).toBe('data');
  });

  it('what comes is told under the name of the channel, by either way, but not what we said ourselves', () => {
    const { carrier, received, from } = setUp();
    const name = carrier.open(grant);
    const payload = hello;
    from({ type: 'data', channel: 5, side: 1, payload });
    const frame = encodeRelayFrame({ type: 'data', channel: 5, side: 1, payload });
    carrier.handleFrames([Buffer.from(frame).toString('base64')]);
    expect(received).toEqual([
      { bytes: [...hello], from: name },
      { bytes: [...hello], from: name },
    ]);
    from({ type: 'data', channel: 5, side: 0, payload });
    expect(received).toHaveLength(2);
  });

  it.each<[string, RelayFrame, Address]>([
    ['data of another channel', { type: 'data', channel: 6, side: 1, payload: hello }, relay],
    ['data from elsewhere', { type: 'data', channel: 5, side: 1, payload: hello }, elsewhere],
    ['a challenge from elsewhere', { type: 'challenge', channel: 5, side: 0, cookie }, elsewhere],
    ['a challenge of the other side', { type: 'challenge', channel: 5, side: 1, cookie }, relay],
    ['bound, from elsewhere', { type: 'bound', channel: 5, side: 0 }, elsewhere],
  ])('ignores %s', (_, frame, address) => {
    const { carrier, received, from, udp } = setUp();
    const name = carrier.open(grant);
    udp.length = 0;
    from(frame, address);
    expect([received, udp]).toEqual([[], []]);
    expect(carrier.wayTo(name)).toBe('control');
  });

  it('ignores what is no frame, and frames of the control connection that are no data', () => {
    const { carrier, received } = setUp();
    const name = carrier.open(grant);
    carrier.handleDatagram(Uint8Array.of(0x64, 0, 0), relay);
    const bound = encodeRelayFrame({ type: 'bound', channel: 5, side: 0 });
    carrier.handleFrames(['', '!', Buffer.from(bound).toString('base64'), randomBytes(40).toString('base64')]);
    expect(received).toEqual([]);
    expect(carrier.wayTo(name)).toBe('control');
  });

  it('takes what is sent in one turn together, and copies it', async () => {
    const { carrier, control } = setUp();
    const name = carrier.open(grant);
    const bytes = Uint8Array.of(1);
    carrier.send(bytes, name);
    bytes[0] = 2;
    carrier.send(bytes, name);
    bytes[0] = 3;
    await turn();
    expect(control.requests).toHaveLength(1);
    expect(control.sent()).toMatchObject([{ payload: Uint8Array.of(1) }, { payload: Uint8Array.of(2) }]);
  });

  it('has four requests under way, and loses what is more than 256 frames behind them', async () => {
    const { carrier, control } = setUp();
    const name = carrier.open(grant);
    const perRequest = limits.relayFrames;
    for (let i = 0; i < 300; i += 1) carrier.send(Uint8Array.of(i & 0xff, i >> 8), name);
    await turn();
    expect(control.requests.map(({ frames }) => frames.length)).toEqual(new Array<number>(4).fill(perRequest));
    let answered = 0;
    for (; answered < control.requests.length; answered += 1) {
      expect(control.requests.length - answered).toBeLessThanOrEqual(4);
      control.requests[answered]?.answer();
      await turn();
    }
    expect(answered).toBe(Math.ceil(256 / perRequest));
    const numbers = control.sent().map((frame) => (frame.type === 'data' ? frame.payload[0] : undefined));
    expect(numbers).toEqual(Array.from({ length: 256 }, (_, i) => i));
  });

  it('with the connection goes what waited for it; another one begins anew', async () => {
    const { carrier, control } = setUp();
    const name = carrier.open(grant);
    carrier.send(Uint8Array.of(1), name);
    carrier.setControl(undefined);
    carrier.send(Uint8Array.of(2), name);
    await turn();
    const next = fakeControl();
    carrier.setControl(next);
    await turn();
    expect([control.sent(), next.sent()]).toEqual([[], []]);
    carrier.send(Uint8Array.of(3), name);
    await turn();
    expect(next.sent()).toMatchObject([{ payload: Uint8Array.of(3) }]);
  });

  it('another channel takes the place of one under the same name', async () => {
    const { carrier, control, received, from, bind } = setUp();
    const name = carrier.open(grant);
    bind();
    const other: RelayGrant = { channel: 90, side: 1, token: grant.token };
    carrier.replace(name, other);
    expect(carrier.wayTo(name)).toBe('control');
    carrier.send(hello, name);
    await turn();
    expect(control.sent()).toEqual([{ type: 'data', channel: 90, side: 1, payload: hello }]);
    from({ type: 'data', channel: 5, side: 1, payload: hello });
    expect(received).toEqual([]);
    from({ type: 'data', channel: 90, side: 0, payload: hello });
    expect(received).toMatchObject([{ from: name }]);
    bind(other);
    expect(carrier.wayTo(name)).toBe('udp');
  });

  it('also one of the same number, which is to be bound anew', () => {
    const { carrier, bind, types } = setUp();
    const name = carrier.open(grant);
    bind();
    carrier.replace(name, grant);
    expect(types()).toEqual(['bind']);
    expect(carrier.wayTo(name)).toBe('control');
  });

  it('is quiet about a channel that is closed, and keeps no timer for it', async () => {
    const { carrier, control, received, from, types, bind } = setUp();
    const name = carrier.open(grant);
    bind();
    carrier.close(name);
    expect(carrier.wayTo(name)).toBe('none');
    expect(jest.getTimerCount()).toBe(0);
    carrier.send(hello, name);
    from({ type: 'data', channel: 5, side: 1, payload: hello });
    await turn();
    expect([control.sent(), received, types()]).toEqual([[], [], []]);
  });

  it('a closed channel leaves the others as they are', () => {
    const { carrier, bind } = setUp();
    const name = carrier.open(grant);
    const other = carrier.open({ ...grant, channel: 6 });
    bind({ channel: 6, side: 0 });
    carrier.close(name);
    expect(carrier.wayTo(other)).toBe('udp');
  });

  it('asks the relay that it learns of later', () => {
    const udp: Address[] = [];
    const carrier = new RelayCarrier({ sendUdp: (_, to) => udp.push(to), receive: () => undefined });
    carrier.open(grant);
    expect(udp).toEqual([]);
    carrier.setControl(fakeControl());
    expect(udp).toEqual([relay]);
    carrier.stop();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('carries the largest datagram of the transport', async () => {
    const { carrier, control, from, received } = setUp();
    const name = carrier.open(grant);
    const payload = new Uint8Array(relayPayloadBytes).fill(9);
    carrier.send(payload, name);
    await turn();
    expect(control.sent()).toMatchObject([{ payload }]);
    from({ type: 'data', channel: 5, side: 1, payload });
    expect(received).toMatchObject([{ bytes: [...payload] }]);
  });
});
