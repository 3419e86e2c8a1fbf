import { describe, expect, it } from '@jest/globals';
import { PeerDirectory } from './directory.js';

const settings = { maxUsers: 3, basePort: 13000, aliveMs: 20_000 };

function named(name: string, source = '10.0.0.1') {
  return { name, address: '192.0.2.9', source };
}

function filled(overrides: Partial<typeof settings> = {}): PeerDirectory {
  const directory = new PeerDirectory({ ...settings, ...overrides });
  for (const name of ['a', 'b', 'c']) directory.up(0, named(name));
  return directory;
}

describe('the peer directory', () => {
  it('allots the smallest free port, to one client each', () => {
    const directory = filled();
    expect(directory.who().map(({ name, port }) => [name, port])).toEqual([
      ['a', 13000],
      ['b', 13001],
      ['c', 13002],
    ]);
    expect(directory.up(0, named('d'))).toEqual({ refused: 'full' });
    directory.down('10.0.0.1', 13001);
    expect(directory.up(0, named('d'))).toEqual({ ...named('d'), port: 13001 });
    expect(directory.who()).toHaveLength(3);
  });

  it('has one client of a name, compared as typed; also when it is full', () => {
    const directory = filled();
    expect(directory.up(0, named('a', '10.0.0.2'))).toEqual({ refused: 'taken' });
    directory.down('10.0.0.1', 13002);
    expect(directory.up(0, named('a', '10.0.0.2'))).toEqual({ refused: 'taken' });
    expect(directory.up(0, named('A'))).toMatchObject({ port: 13002 });
    expect(directory.byName('A')).toMatchObject({ port: 13002 });
    expect(directory.byName('c')).toBeUndefined();
  });

  it('lets nobody take another’s place out, or hold it', () => {
    const directory = filled();
    expect(directory.down('10.0.0.2', 13000)).toBeUndefined();
    expect(directory.alive(30_000, '10.0.0.2', 13000)).toBe(false);
    expect(directory.alive(30_000, '10.0.0.1', 13003)).toBe(false);
    expect(directory.alive(30_000, '10.0.0.1', 13000)).toBe(true);
    expect(directory.expired(40_000).map(({ name }) => name)).toEqual(['b', 'c']);
    expect(directory.down('10.0.0.1', 13000)).toMatchObject({ name: 'a' });
    expect(directory.down('10.0.0.1', 13000)).toBeUndefined();
    expect(directory.alive(40_001, '10.0.0.1', 13000)).toBe(false);
    expect(directory.who()).toEqual([]);
  });

  it('drops a client after two periods of silence, not a moment earlier', () => {
    const directory = filled();
    expect(directory.nextTimeout()).toBe(40_000);
    directory.alive(5_000, '10.0.0.1', 13000);
    directory.alive(7_000, '10.0.0.1', 13001);
    expect(directory.nextTimeout()).toBe(40_000);
    expect(directory.expired(39_999)).toEqual([]);
    expect(directory.expired(40_000).map(({ name }) => name)).toEqual(['c']);
    expect(directory.nextTimeout()).toBe(45_000);
    expect(directory.who().map(({ name }) => name)).toEqual(['a', 'b']);
    expect(directory.expired(50_000).map(({ name }) => name)).toEqual(['a', 'b']);
    expect(directory.nextTimeout()).toBeUndefined();
  });

  it('allots last the port of one that went without a word: it may listen there still', () => {
    const directory = filled();
    directory.alive(30_000, '10.0.0.1', 13001);
    directory.expired(40_000);
    directory.down('10.0.0.1', 13001);
    const ports = ['d', 'e', 'f'].map((name) => directory.up(40_000, named(name)));
    expect(ports).toMatchObject([{ port: 13001 }, { port: 13000 }, { port: 13002 }]);
    expect(directory.up(40_000, named('g'))).toEqual({ refused: 'full' });
    directory.down('10.0.0.1', 13000);
    expect(directory.up(40_000, named('g'))).toMatchObject({ port: 13000 });
  });

  it('waits for good where the period is 0', () => {
    const directory = filled({ aliveMs: 0 });
    expect(directory.nextTimeout()).toBeUndefined();
    expect(directory.expired(Number.MAX_SAFE_INTEGER)).toEqual([]);
    expect(directory.alive(1, '10.0.0.1', 13000)).toBe(true);
  });

  it('gives a snapshot', () => {
    const directory = filled();
    const snapshot = directory.who();
    directory.down('10.0.0.1', 13000);
    expect(snapshot).toHaveLength(3);
    expect(snapshot[0]).toEqual({ name: 'a', address: '192.0.2.9', source: '10.0.0.1', port: 13000 });
  });
});
