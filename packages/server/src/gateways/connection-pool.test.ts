import { describe, expect, it } from '@jest/globals';
import { ConnectionPool } from './connection-pool.js';

class Connection {
  readonly address: string;
  isDestroyed = false;

  constructor(address: string) {
    this.address = address;
  }

  destroy(): void {
    this.isDestroyed = true;
  }
}

/** One that came by the addresses given, in this order. */
function filled(...addresses: string[]): { pool: ConnectionPool; connections: Connection[] } {
  const pool = new ConnectionPool(addresses.length);
  const connections = addresses.map((address) => new Connection(address));
  for (const connection of connections) {
    expect(pool.makeRoom()).toBe(true);
    pool.add(connection);
  }
  return { pool, connections };
}

/** Who had to go, by their order, when somebody came and stayed. */
function newcomer(pool: ConnectionPool, connections: readonly Connection[], address = 'new'): number[] | 'no place' {
  const before = connections.map(({ isDestroyed }) => isDestroyed);
  if (!pool.makeRoom()) return 'no place';
  pool.add(new Connection(address));
  return connections.flatMap(({ isDestroyed }, at) => (isDestroyed && before[at] === false ? [at] : []));
}

describe('a full pool', () => {
  it('lets the oldest go of the address that has the most strangers', () => {
    const { pool, connections } = filled('a', 'b', 'c', 'b', 'c', 'c', 'a');
    expect(newcomer(pool, connections, 'n1')).toEqual([2]);
    // All have two now: the one whose first came first.
    expect(newcomer(pool, connections, 'n2')).toEqual([0]);
    expect(newcomer(pool, connections, 'n3')).toEqual([1]);
    expect(newcomer(pool, connections, 'n4')).toEqual([4]);
  });

  it('counts the many addresses of one network as one', () => {
    const { pool, connections } = filled('192.0.2.1', '2001:db8::1', '192.0.2.1', '2001:db8::2', '2001:db8::3:4');
    expect(newcomer(pool, connections, '192.0.2.2')).toEqual([1]);
  });

  it('lets those go first that had their last word, in that order', () => {
    const { pool, connections } = filled('a', 'a', 'a', 'b', 'c');
    for (const at of [4, 3]) pool.end(connections[at] as Connection);
    expect(newcomer(pool, connections)).toEqual([4]);
    expect(newcomer(pool, connections)).toEqual([3]);
    expect(newcomer(pool, connections)).toEqual([0]);
  });

  it('never lets one go that is settled, but one that had its last word since', () => {
    const { pool, connections } = filled('a', 'a', 'b');
    for (const connection of connections) pool.settle(connection);
    expect(newcomer(pool, connections)).toBe('no place');
    expect(connections.some(({ isDestroyed }) => isDestroyed)).toBe(false);
    pool.end(connections[1] as Connection);
    expect(newcomer(pool, connections)).toEqual([1]);
  });

  it('lets one go that is a stranger again, after those who came before it did', () => {
    const { pool, connections } = filled('a', 'a', 'a');
    for (const at of [0, 1]) pool.settle(connections[at] as Connection);
    pool.unsettle(connections[0] as Connection);
    expect(newcomer(pool, connections, 'a')).toEqual([2]);
    expect(newcomer(pool, connections, 'b')).toEqual([0]);
    expect(connections[1]).toMatchObject({ isDestroyed: false });
  });

  it('has a place again when one leaves, whatever it was', () => {
    for (const prepare of ['settle', 'unsettle', 'end'] as const) {
      const { pool, connections } = filled('a', 'b');
      for (const connection of connections) pool.settle(connection);
      const [gone, stays] = connections as [Connection, Connection];
      pool[prepare](gone);
      pool.remove(gone);
      expect(newcomer(pool, connections)).toEqual([]);
      // The newcomer is the only stranger, and nothing is left of the one that is gone.
      expect(newcomer(pool, connections)).toEqual([]);
      expect([gone.isDestroyed, stays.isDestroyed]).toEqual([false, false]);
    }
  });

  it('is one for all who share it', () => {
    const pool = new ConnectionPool(2);
    const [first, second] = [new Connection('a'), new Connection('b')];
    // Each by a listener of its own.
    for (const connection of [first, second]) {
      pool.makeRoom();
      pool.add(connection);
    }
    expect(newcomer(pool, [first, second])).toEqual([0]);
  });
});
