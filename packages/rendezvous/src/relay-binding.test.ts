import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { RelayBinding } from './relay-binding.js';
import { decodeRelayFrame, type RelayFrame } from './relay-frames.js';

const mac = (key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array => {
  const hmac = createHmac('sha256', key);
  for (const part of parts) hmac.update(part);
  return new Uint8Array(hmac.digest());
};
const token = new Uint8Array(32).fill(1);
const cookie = new Uint8Array(16).fill(2);
const own = { channel: 5, side: 0 } as const;

function binding(): RelayBinding {
  return new RelayBinding(0, { ...own, token, mac });
}

/** What it says at these moments. */
function said(one: RelayBinding, now: number): RelayFrame | undefined {
  one.handleTimeout(now);
  const bytes = one.pollTransmit();
  return bytes && decodeRelayFrame(bytes);
}

describe('RelayBinding', () => {
  it('asks, proves, and is bound', () => {
    const one = binding();
    expect(said(one, 0)).toEqual({ type: 'bind', ...own });
    expect(one.state).toBe('binding');
    expect(one.handleFrame(10, { type: 'challenge', ...own, cookie })).toBe(true);
    expect(said(one, 10)).toEqual({ type: 'prove', ...own, cookie, proof: mac(token, cookie).slice(0, 16) });
    expect(one.handleFrame(20, { type: 'bound', ...own })).toBe(true);
    expect(one.state).toBe('bound');
    expect(said(one, 20)).toBeUndefined();
    expect(one.nextTimeout()).toBe(20_020);
  });

  it('asks again, ever more seldom, is silent after five, and goes on', () => {
    const one = binding();
    const times: number[] = [];
    for (let i = 0; i < 8; i += 1) {
      times.push(one.nextTimeout());
      expect(said(one, one.nextTimeout())?.type).toBe('bind');
    }
    expect(times).toEqual([0, 250, 750, 1_750, 3_750, 7_750, 11_750, 15_750]);
    expect(one.state).toBe('silent');
    expect(one.pollTransmit()).toBeUndefined();
    one.handleFrame(16_000, { type: 'challenge', ...own, cookie });
    expect(one.state).toBe('binding');
  });

  it('begins anew when a proof is not answered', () => {
    const one = binding();
    said(one, 0);
    one.handleFrame(10, { type: 'challenge', ...own, cookie });
    expect(said(one, 10)?.type).toBe('prove');
    expect(said(one, one.nextTimeout())?.type).toBe('bind');
  });

  it('binds again every 20 s, stays bound for a few lost answers, and is silent then', () => {
    const one = binding();
    said(one, 0);
    one.handleFrame(10, { type: 'challenge', ...own, cookie });
    one.handleFrame(20, { type: 'bound', ...own });
    one.pollTransmit();
    for (let i = 0; i < 5; i += 1) {
      expect(said(one, one.nextTimeout())?.type).toBe('bind');
      expect(one.state).toBe('bound');
    }
    said(one, one.nextTimeout());
    expect(one.state).toBe('silent');
  });

  it('binds at once when the address has changed', () => {
    const one = binding();
    said(one, 0);
    one.handleFrame(20, { type: 'bound', ...own });
    one.bindAgain(100);
    expect(said(one, 100)?.type).toBe('bind');
  });

  it('is silent in the end, however often it is told to bind again', () => {
    const one = binding();
    said(one, 0);
    one.handleFrame(20, { type: 'bound', ...own });
    one.pollTransmit();
    for (let now = 1_000; now <= 6_000; now += 10) {
      if (now % 2_000 === 1_000) one.bindAgain(now);
      one.handleTimeout(now);
    }
    expect(one.state).toBe('silent');
    expect(one.handleFrame(6_010, { type: 'bound', ...own })).toBe(true);
    expect(one.state).toBe('bound');
  });

  it('proves once for each time it asks, and nothing that it has not asked for', () => {
    const one = binding();
    expect(one.handleFrame(0, { type: 'challenge', ...own, cookie })).toBe(false);
    said(one, 0);
    expect(one.handleFrame(10, { type: 'challenge', ...own, cookie })).toBe(true);
    expect(said(one, 10)?.type).toBe('prove');
    expect(one.handleFrame(11, { type: 'challenge', ...own, cookie })).toBe(false);
    one.handleFrame(20, { type: 'bound', ...own });
    expect(one.handleFrame(21, { type: 'challenge', ...own, cookie })).toBe(false);
    expect(one.pollTransmit()).toBeUndefined();
  });

  it('leaves what is not its own', () => {
    const one = binding();
    expect(one.handleFrame(0, { type: 'bound', channel: 6, side: 0 })).toBe(false);
    expect(one.handleFrame(0, { type: 'bound', channel: 5, side: 1 })).toBe(false);
    expect(one.handleFrame(0, { type: 'data', ...own, payload: Uint8Array.of(1) })).toBe(false);
    expect(one.state).toBe('binding');
  });
});
