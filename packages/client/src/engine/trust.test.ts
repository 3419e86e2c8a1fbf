import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Introduction } from '@parley/protocol';
import { gatewayFingerprint } from './api.js';
import { Pins } from './pins.js';
import { Trust } from './trust.js';

const server = 'localhost:7420';
const id = '00'.repeat(16);
const key = (byte: number): string => Buffer.alloc(32, byte).toString('base64');

function device(peer: string, deviceKey: string): Introduction {
  return { via: 'device', id, peer, deviceKey, psk: key(0), role: 'initiator', candidates: [], relay: null };
}

function gateway(peer: string): Introduction {
  return { via: 'gateway', id, peer, door: 'line' };
}

let folder: string;
let pins: Pins;
let notices: string[];
let trust: Trust;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trust-'));
  pins = new Pins(join(folder, 'pins.json'));
  notices = [];
  trust = new Trust(pins, ({ text }) => notices.push(text));
});
afterEach(() => {
  pins.flush();
  rmSync(folder, { recursive: true });
});

function codeOf(introduction: Introduction): string {
  try {
    trust.checkPeer(server, introduction);
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'none';
}

describe('a user behind a gateway', () => {
  it('is taken at first contact, and nothing is pinned', () => {
    expect(codeOf(gateway('zed'))).toBe('none');
    expect(pins.userKey(server, 'zed')).toBeUndefined();
    expect(notices).toEqual([]);
    // Then a device of that name is a first contact, too.
    expect(codeOf(device('zed', key(1)))).toBe('none');
    expect(pins.userKey(server, 'zed')).toBe(key(1));
  });

  it('who has a key pinned is refused, plainly, until trusted; then the key is forgotten, also on disk', () => {
    expect(codeOf(device('bob', key(1)))).toBe('none');
    expect(() => {
      trust.checkPeer(server, gateway('bob'));
    }).toThrow('through a gateway: NOT end-to-end encrypted, the server could read everything');
    expect(codeOf(gateway('bob'))).toBe('KEY_CHANGED');
    expect(pins.userKey(server, 'bob')).toBe(key(1));
    expect(codeOf(device('bob', key(1)))).toBe('none');

    expect(trust.accept('bob')).toEqual({ trusted: 'bob', fingerprint: gatewayFingerprint });
    expect(codeOf(gateway('bob'))).toBe('none');
    pins.flush();
    expect(new Pins(join(folder, 'pins.json')).userKey(server, 'bob')).toBeUndefined();
  });

  it('is refused for the server only where the key was pinned', () => {
    expect(codeOf(device('bob', key(1)))).toBe('none');
    expect(() => {
      trust.checkPeer('other:7420', gateway('bob'));
    }).not.toThrow();
  });

  it('cannot be trusted in place of a changed key that the user compared, nor the other way round', () => {
    expect(codeOf(device('bob', key(1)))).toBe('none');
    for (const [first, second] of [
      [device('bob', key(2)), gateway('bob')],
      [gateway('bob'), device('bob', key(2))],
    ] as const) {
      expect([codeOf(first), codeOf(second)]).toEqual(['KEY_CHANGED', 'KEY_CHANGED']);
      expect(() => trust.accept('bob')).toThrow(expect.objectContaining({ code: 'KEY_CHANGED' }));
      expect(pins.userKey(server, 'bob')).toBe(key(1));
    }
  });
});
