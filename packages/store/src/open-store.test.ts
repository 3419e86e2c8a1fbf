import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openStore, type Store } from './open-store.js';
import { UncollectedDatabase } from './uncollected.js';
import { describeRepositories } from './repository-compliance.fixture.js';
import { openDatabase } from './sqlite-database.js';

let directory: string;
let opened: Store[];
let children: ChildProcess[];

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'parley-store-')), 'data');
  opened = [];
  children = [];
});

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  for (const store of opened) await store.close();
  rmSync(join(directory, '..'), { recursive: true });
});

async function open(): Promise<Store> {
  const store = await openStore(directory);
  opened.push(store);
  return store;
}

async function closeAll(): Promise<void> {
  for (const store of opened.splice(0)) await store.close();
}

const failure = (code: string) => expect.objectContaining({ name: 'StoreError', code });
const anna = { name: 'anna', passwordHash: 'hash', createdAt: 1 };
const lobby = { name: 'lobby', owner: 'anna', id: 'id', createdAt: 2 };

describeRepositories('SQLite', () => openStore(directory));

describe('openStore', () => {
  it('makes directory and files for their owner only', async () => {
    const store = await open();
    await store.accounts.insert(anna);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    for (const file of readdirSync(directory)) {
      expect([file, statSync(join(directory, file)).mode & 0o777]).toEqual([file, 0o600]);
    }
  });

  it('finds what was kept before', async () => {
    const store = await open();
    await store.accounts.insert(anna);
    await store.rooms.insert(lobby, 10);
    await closeAll();
    const again = await open();
    expect(await again.accounts.find('anna')).toEqual(anna);
    expect(await again.rooms.find('lobby')).toEqual(lobby);
  });

  it('writes no token as it is', async () => {
    const store = await open();
    await store.accounts.insert(anna);
    await store.resumeTokens.insert('canary-of-a-token', { user: 'anna', deviceKey: 'key', usedAt: 1 }, 10);
    const written = () => readdirSync(directory).map((file) => readFileSync(join(directory, file), 'latin1'));
    expect(written().join()).toContain('anna');
    expect(written().join()).not.toContain('canary');
    await closeAll();
    expect(written().join()).not.toContain('canary');
  });

  it('syncs every commit to the disk and minds references', () => {
    mkdirSync(directory);
    const database = openDatabase(join(directory, 'parley.db'));
    const settings = ['journal_mode', 'synchronous', 'foreign_keys', 'busy_timeout'];
    const values = settings.map(
      (setting) => Object.values(database.prepare(`PRAGMA ${setting}`).get() as object)[0] as unknown,
    );
    database.close();
    // 2: FULL (https://www.sqlite.org/pragma.html#pragma_synchronous)
    expect(values).toEqual(['wal', 2, 1, 5_000]);
  });

  it('refuses a directory that another store has open, until that is closed', async () => {
    await open();
    await expect(openStore(directory)).rejects.toEqual(failure('DATA_IN_USE'));
    await closeAll();
    await open();
  });

  it('keeps other processes out, also after this one has tried to open it again', async () => {
    const store = await open();
    await expect(openStore(directory)).rejects.toEqual(failure('DATA_IN_USE'));
    const module = JSON.stringify(new URL('./open-store.js', import.meta.url).href);
    const script = `
      const { openStore } = await import(${module});
      const outcome = await openStore(${JSON.stringify(directory)}).then((store) => store.close(), ({ code }) => code);
      process.stdout.write(String(outcome));`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    await new Promise((resolve) => child.once('close', resolve));
    expect(said).toBe('DATA_IN_USE');
    expect(await store.accounts.insert(anna)).toBe(true);
  });

  it('takes a directory whose process was killed', async () => {
    const module = JSON.stringify(new URL('./open-store.js', import.meta.url).href);
    const script = `
      const { openStore } = await import(${module});
      const store = await openStore(${JSON.stringify(directory)});
      await store.accounts.insert(${JSON.stringify(anna)});
      process.stdout.write('kept');
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    const exited = new Promise((resolve) => child.once('exit', resolve));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await expect(openStore(directory)).rejects.toEqual(failure('DATA_IN_USE'));
    child.kill('SIGKILL');
    await exited;
    const store = await open();
    expect(await store.accounts.find('anna')).toEqual(anna);
  });

  it('refuses a database of a newer version, and leaves it alone', async () => {
    await open();
    await closeAll();
    const database = new UncollectedDatabase(join(directory, 'parley.db'), 0);
    database.exec("INSERT INTO kysely_migration VALUES ('9999-from-the-future', '2999-01-01')");
    database.close();
    await expect(openStore(directory)).rejects.toEqual(failure('DATA_NEWER'));
    await expect(openStore(directory)).rejects.toEqual(failure('DATA_NEWER'));
  });

  it('refuses a file that is no database', async () => {
    mkdirSync(directory);
    writeFileSync(join(directory, 'parley.db'), 'this is no database, but long enough for a header'.repeat(100));
    await expect(openStore(directory)).rejects.toEqual(failure('DATA_CORRUPT'));
  });

  it('refuses a database with a flipped byte in an index, which would give a name away', async () => {
    const store = await open();
    expect(store.isNew).toBe(true);
    await store.accounts.insert({ ...anna, name: 'zebra-in-the-index' });
    await closeAll();
    const path = join(directory, 'parley.db');
    const database = new UncollectedDatabase(path, 0);
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    const { rootpage } = database
      .prepare("SELECT rootpage FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'account'")
      .get() as { rootpage: number };
    const { page_size: pageBytes } = database.prepare('PRAGMA page_size').get() as { page_size: number };
    database.close();
    const bytes = readFileSync(path);
    const at = bytes.indexOf('zebra', (rootpage - 1) * pageBytes);
    expect(at).toBeLessThan(rootpage * pageBytes);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    await expect(openStore(directory)).rejects.toEqual(failure('DATA_CORRUPT'));
  });

  it('refuses a database with flipped bytes', async () => {
    const store = await open();
    for (let index = 0; index < 2_000; index += 1) {
      await store.accounts.insert({ name: `user-${String(index)}`, passwordHash: 'x'.repeat(60), createdAt: index });
    }
    await closeAll();
    const path = join(directory, 'parley.db');
    const bytes = readFileSync(path);
    bytes.fill(0x5a, 4096 * 5, 4096 * 20);
    writeFileSync(path, bytes);
    await expect(openStore(directory)).rejects.toEqual(failure('DATA_CORRUPT'));
  });

  it('refuses a directory it cannot make or write', async () => {
    writeFileSync(join(directory, '..', 'file'), '');
    await expect(openStore(join(directory, '..', 'file', 'data'))).rejects.toEqual(failure('DATA_UNUSABLE'));
    await expect(openStore('/proc/nope/data')).rejects.toEqual(failure('DATA_UNUSABLE'));
    mkdirSync(join(directory, 'parley.db'), { recursive: true });
    await expect(openStore(directory)).rejects.toEqual(failure('DATA_UNUSABLE'));
  });
});
