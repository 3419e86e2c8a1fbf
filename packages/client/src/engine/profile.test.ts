import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { generateKeyPair, publicKeyOf } from '@parley/transport/node';
import { keyFingerprint, Profile } from './profile.js';

const keys = { generateKeyPair, publicKeyOf };

let home: string;
beforeEach(() => {
  home = join(mkdtempSync(join(tmpdir(), 'parley-')), 'home');
});

function reopened(profile: Profile): Profile {
  profile.release();
  return new Profile(home, keys);
}

const keyA = Buffer.alloc(32, 1).toString('base64');
const keyB = Buffer.alloc(32, 2).toString('base64');

describe('a profile', () => {
  it('keeps its key', () => {
    const first = new Profile(home, keys);
    const again = reopened(first);
    expect(again.keyPair).toEqual(first.keyPair);
    again.release();
  });

  it('pins the first key of a user and notices another, at each server apart', () => {
    let profile = new Profile(home, keys);
    expect(profile.pins.checkUser('a:1', 'bob', keyA)).toBe('first');
    profile = reopened(profile);
    expect(profile.pins.checkUser('a:1', 'bob', keyA)).toBe('pinned');
    expect(profile.pins.checkUser('a:1', 'bob', keyB)).toBe('changed');
    expect(profile.pins.checkUser('b:1', 'bob', keyB)).toBe('first');
    profile.pins.pinUser('a:1', 'bob', keyB);
    profile = reopened(profile);
    expect(profile.pins.checkUser('a:1', 'bob', keyA)).toBe('pinned');
    expect(profile.pins.checkUser('a:1', 'bob', keyB)).toBe('pinned');
    expect(profile.pins.userKey('a:1', 'bob')).toBe(keyB);
    profile.release();
  });

  it('is not misled by names that objects have by themselves', () => {
    let profile = new Profile(home, keys);
    expect(profile.pins.checkUser('a:1', 'constructor', keyA)).toBe('first');
    profile = reopened(profile);
    expect(profile.pins.checkUser('a:1', 'constructor', keyA)).toBe('pinned');
    expect(profile.pins.checkUser('constructor', 'constructor', keyA)).toBe('first');
    profile.release();
  });

  it('pins a server', () => {
    let profile = new Profile(home, keys);
    expect(profile.pins.checkServer('a:1', 'AA:BB')).toBe('first');
    profile = reopened(profile);
    expect(profile.pins.checkServer('a:1', 'AA:BB')).toBe('pinned');
    expect(profile.pins.checkServer('a:1', 'CC:DD')).toBe('changed');
    expect(profile.pins.server('a:1')).toBe('AA:BB');
    profile.release();
  });

  it('is for one process at a time, and says which', () => {
    const profile = new Profile(home, keys);
    expect(() => new Profile(home, keys)).toThrow(expect.objectContaining({ code: 'PROFILE_LOCKED' }));
    expect(() => new Profile(home, keys)).toThrow(String(process.pid));
    profile.release();
    new Profile(home, keys).release();
  });

  it('is freed by the death of its process', () => {
    new Profile(home, keys).release();
    // Above the largest process number that Linux gives out.
    writeFileSync(join(home, 'lock'), '4194305');
    new Profile(home, keys).release();
  });

  it('is for its user’s eyes only', () => {
    const profile = new Profile(home, keys);
    profile.pins.checkUser('a:1', 'bob', keyA);
    profile.pins.flush();
    expect(statSync(home).mode & 0o777).toBe(0o700);
    for (const name of ['device.key', 'pins.json', 'lock']) expect(statSync(join(home, name)).mode & 0o777).toBe(0o600);
    profile.release();
  });

  it('with broken pins is refused rather than begun anew', () => {
    const profile = new Profile(home, keys);
    profile.pins.checkUser('a:1', 'bob', keyA);
    profile.release();
    const path = join(home, 'pins.json');
    const whole = readFileSync(path, 'utf8');
    for (const broken of [whole.slice(0, -5), '[]', '{"version":2}', whole.replace(/\[[^\]]*\]/, '7')]) {
      writeFileSync(path, broken);
      expect(() => new Profile(home, keys)).toThrow(expect.objectContaining({ code: 'PROFILE_UNUSABLE' }));
    }
    writeFileSync(path, whole);
    new Profile(home, keys).release();
  });

  it('whose folder cannot be made is refused', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'parley-')), 'file');
    writeFileSync(file, '');
    for (const impossible of [join(file, 'home'), '/proc/nope/home']) {
      expect(() => new Profile(impossible, keys)).toThrow(expect.objectContaining({ code: 'PROFILE_UNUSABLE' }));
    }
  });
});

describe('a key fingerprint', () => {
  it('is short and differs by key', () => {
    expect(keyFingerprint(keyA)).toMatch(/^([0-9a-f]{4} ){7}[0-9a-f]{4}$/);
    expect(keyFingerprint(keyA)).not.toBe(keyFingerprint(keyB));
  });
});
