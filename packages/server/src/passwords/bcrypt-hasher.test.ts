import { afterEach, describe, expect, it } from '@jest/globals';
import { compareSync, getRounds } from 'bcryptjs';
import { BcryptHasher } from './bcrypt-hasher.js';

const pepper = new Uint8Array(32).fill(7);
const client = { address: '192.0.2.1', isGone: () => false };
let hashers: BcryptHasher[] = [];

function hasherWith(cost: number, itsPepper = pepper): BcryptHasher {
  const hasher = new BcryptHasher(itsPepper, cost);
  hashers.push(hasher);
  return hasher;
}

afterEach(async () => {
  for (const hasher of hashers) await hasher.close();
  hashers = [];
});

describe('BcryptHasher', () => {
  it('knows a password again', async () => {
    const hasher = hasherWith(4);
    const hash = await hasher.hash('password', client);
    expect(getRounds(hash)).toBe(4);
    expect(await hasher.verify('password', hash, client)).toEqual({ matches: true, outdated: false });
    expect(await hasher.verify('passwort', hash, client)).toEqual({ matches: false, outdated: false });
    expect(await hasher.hash('password', client)).not.toBe(hash);
  });

  it('looks at every character of a long password, and behind a NUL', async () => {
    const hasher = hasherWith(4);
    const long = 'x'.repeat(100);
    const hash = await hasher.hash(`${long}a`, client);
    expect((await hasher.verify(`${long}b`, hash, client)).matches).toBe(false);
    const withNul = await hasher.hash('password\0a', client);
    expect((await hasher.verify('password\0b', withNul, client)).matches).toBe(false);
  });

  it('cannot be checked without the pepper', async () => {
    const hash = await hasherWith(4).hash('password', client);
    expect((await hasherWith(4, new Uint8Array(32)).verify('password', hash, client)).matches).toBe(false);
    expect(compareSync('password', hash)).toBe(false);
  });

  it('hashes the form that it always has, so that old hashes stay good', async () => {
    // base64(HMAC-SHA-384(32 bytes of 7, "password")), computed with openssl dgst -sha384 -mac HMAC
    const preHash = 'h7l7OIaX5i0eEGygbb/CdxYRRDuc04GGv9UzP76jYlKPvPutFVT+aq7MraEPiwB4';
    const hash = await hasherWith(4).hash('password', client);
    expect(preHash).toHaveLength(64);
    expect(compareSync(preHash, hash)).toBe(true);
  });

  it('serves a client of another network while a crowd waits', async () => {
    const hasher = hasherWith(4);
    const order: string[] = [];
    const crowd = Array.from({ length: 200 }, (_, host) =>
      hasher
        .verify('password', undefined, { ...client, address: `2001:db8::${host.toString(16)}` })
        .then(() => order.push('crowd')),
    );
    const newcomer = hasher.hash('password', client).then(() => order.push('newcomer'));
    const outcomes = await Promise.allSettled(crowd);
    await newcomer;
    expect(outcomes.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(0);
    expect(order.indexOf('newcomer')).toBeLessThan(order.length / 2);
  });

  it('fits nothing to a missing hash', async () => {
    expect(await hasherWith(4).verify('password', undefined, client)).toEqual({ matches: false, outdated: false });
  });

  it('says when a hash was made with less work than now', async () => {
    const hash = await hasherWith(4).hash('password', client);
    expect(await hasherWith(5).verify('password', hash, client)).toEqual({ matches: true, outdated: true });
    expect(await hasherWith(5).verify('another', hash, client)).toEqual({ matches: false, outdated: false });
  });
});
