import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Room } from '@parley/server/domain';
import type { Store } from './open-store.js';

/** What every implementation of the repositories must do, whatever the database. `open` gives an empty one. */
export function describeRepositories(database: string, open: () => Promise<Store>): void {
  describe(`repositories over ${database}`, () => {
    let store: Store;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(async () => {
      await store.close();
    });

    const account = (name: string) => ({ name, passwordHash: `hash of ${name}`, createdAt: 1_700_000_000_123 });
    const room = (name: string, owner = 'anna', id = name): Room => ({
      name,
      owner,
      id,
      createdAt: 1_700_000_000_456,
    });

    describe('accounts', () => {
      it('are found as they were put in', async () => {
        expect(await store.accounts.insert(account('anna'))).toBe(true);
        expect(await store.accounts.find('anna')).toEqual(account('anna'));
        expect(await store.accounts.find('berta')).toBeUndefined();
        expect(await store.accounts.find('Anna')).toBeUndefined();
      });

      it('keep the first of a name', async () => {
        const inserted = await Promise.all([
          store.accounts.insert(account('anna')),
          store.accounts.insert({ ...account('anna'), passwordHash: 'another' }),
        ]);
        expect(inserted).toEqual([true, false]);
        expect((await store.accounts.find('anna'))?.passwordHash).toBe('hash of anna');
      });

      it('get a new hash only in place of the one that was compared', async () => {
        await store.accounts.insert(account('anna'));
        await store.accounts.insert(account('berta'));
        await store.accounts.replaceHash('anna', 'something else', 'new');
        expect((await store.accounts.find('anna'))?.passwordHash).toBe('hash of anna');
        await store.accounts.replaceHash('anna', 'hash of anna', 'new');
        expect((await store.accounts.find('anna'))?.passwordHash).toBe('new');
        expect((await store.accounts.find('berta'))?.passwordHash).toBe('hash of berta');
      });

      it('are listed by name, in pages, in the order of their bytes', async () => {
        for (const name of ['b_', 'b-', 'b0', 'ba', 'a1', 'z9']) await store.accounts.insert(account(name));
        expect(await store.accounts.namesAfter(undefined, 10)).toEqual(['a1', 'b-', 'b0', 'b_', 'ba', 'z9']);
        expect(await store.accounts.namesAfter('b0', 2)).toEqual(['b_', 'ba']);
        expect(await store.accounts.namesAfter('zz', 2)).toEqual([]);
        expect(await store.accounts.namesAfter("' OR 1=1 --\u0000\ud800", 1)).toEqual(['a1']);
      });
    });

    describe('rooms', () => {
      beforeEach(async () => {
        await store.accounts.insert(account('anna'));
        await store.accounts.insert(account('berta'));
      });

      it('are found as they were put in, and gone when deleted', async () => {
        expect(await store.rooms.insert(room('lobby'), 10)).toBe('inserted');
        expect(await store.rooms.find('lobby')).toEqual(room('lobby'));
        await store.rooms.delete(room('lobby'));
        expect(await store.rooms.find('lobby')).toBeUndefined();
      });

      it('are not deleted by an earlier opening of the same name', async () => {
        await store.rooms.insert(room('lobby', 'anna', 'second'), 10);
        await store.rooms.delete(room('lobby', 'anna', 'first'));
        expect(await store.rooms.find('lobby')).toEqual(room('lobby', 'anna', 'second'));
      });

      it('keep the first of a name', async () => {
        const inserted = await Promise.all([
          store.rooms.insert(room('lobby', 'anna', '1'), 10),
          store.rooms.insert(room('lobby', 'berta', '2'), 10),
        ]);
        expect(inserted).toEqual(['inserted', 'exists']);
        expect((await store.rooms.find('lobby'))?.owner).toBe('anna');
      });

      it('of one owner are bounded, also when they come all at once', async () => {
        const inserted = await Promise.all(['r1', 'r2', 'r3', 'r4'].map((name) => store.rooms.insert(room(name), 2)));
        expect(inserted).toEqual(['inserted', 'inserted', 'limit', 'limit']);
        expect(await store.rooms.insert(room('r1'), 2)).toBe('exists');
        expect(await store.rooms.insert(room('of-berta', 'berta'), 2)).toBe('inserted');
      });

      it('are listed by name, in pages', async () => {
        for (const name of ['r3', 'r1', 'r2']) await store.rooms.insert(room(name), 10);
        expect(await store.rooms.roomsAfter(undefined, 2)).toEqual([room('r1'), room('r2')]);
        expect(await store.rooms.roomsAfter('r2', 2)).toEqual([room('r3')]);
      });

      it('need an owner who exists', async () => {
        const inserted = store.rooms.insert(room('lobby', 'nobody'), 10);
        expect(await inserted.catch(() => 'refused')).toBe('refused');
        expect(await store.rooms.find('lobby')).toBeUndefined();
      });
    });

    describe('resume tokens', () => {
      beforeEach(async () => {
        await store.accounts.insert(account('anna'));
        await store.accounts.insert(account('berta'));
      });
      const device = (deviceKey: string, usedAt: number, user = 'anna') => ({ user, deviceKey, usedAt });

      it('lead to their device, touched or not', async () => {
        await store.resumeTokens.insert('token', device('phone', 1), 10);
        expect(await store.resumeTokens.find('token')).toEqual(device('phone', 1));
        expect(await store.resumeTokens.find('Token')).toBeUndefined();
        await store.resumeTokens.touch('token', 2);
        expect(await store.resumeTokens.find('token')).toEqual(device('phone', 2));
      });

      it('are one for each device', async () => {
        await store.resumeTokens.insert('first', device('phone', 1), 10);
        await store.resumeTokens.insert('laptop', device('laptop', 1), 10);
        await store.resumeTokens.insert('second', device('phone', 2), 10);
        expect(await store.resumeTokens.find('first')).toBeUndefined();
        expect(await store.resumeTokens.find('second')).toEqual(device('phone', 2));
        expect(await store.resumeTokens.find('laptop')).toEqual(device('laptop', 1));
      });

      it('of one user are bounded: the longest unused goes, never the new one', async () => {
        await store.resumeTokens.insert('a', device('a', 30), 2);
        await store.resumeTokens.insert('b', device('b', 20), 2);
        await store.resumeTokens.insert('other', device('a', 1, 'berta'), 2);
        await store.resumeTokens.insert('c', device('c', 10), 2);
        expect(await store.resumeTokens.find('a')).toBeDefined();
        expect(await store.resumeTokens.find('b')).toBeUndefined();
        expect(await store.resumeTokens.find('c')).toBeDefined();
        expect(await store.resumeTokens.find('other')).toBeDefined();
      });

      it('are void when deleted, or unused for too long', async () => {
        await store.resumeTokens.insert('phone', device('phone', 10), 10);
        await store.resumeTokens.insert('laptop', device('laptop', 20), 10);
        await store.resumeTokens.insert('other', device('phone', 30, 'berta'), 10);
        await store.resumeTokens.deleteUnusedSince(11);
        expect(await store.resumeTokens.find('phone')).toBeUndefined();
        await store.resumeTokens.delete('anna', 'laptop');
        expect(await store.resumeTokens.find('laptop')).toBeUndefined();
        expect(await store.resumeTokens.find('other')).toBeDefined();
      });
    });
  });
}
