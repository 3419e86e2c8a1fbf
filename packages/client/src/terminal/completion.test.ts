import { describe, expect, it } from '@jest/globals';
import { completions, NameCache } from './completion.js';
import { FakeClient, ManualTimer, settled } from './fake-client.fixture.js';

const names = { users: ['alice', 'bob', 'bobby'], rooms: ['lobby', 'loft'] };

describe('completions', () => {
  it.each<[string, string[], string]>([
    ['regi', ['register '], 'regi'],
    ['/ope', ['/open '], '/ope'],
    ['/sl', ['/sleep '], '/sl'],
    ['sl', [], 'sl'],
    ['lr', ['lr', 'lru'], 'lr'],
    ['o bo', ['bob', 'bobby'], 'bo'],
    ['o al', ['alice '], 'al'],
    ['/open al', ['alice '], 'al'],
    ['  o al', ['alice '], 'al'],
    ['o ', ['alice', 'bob', 'bobby'], ''],
    ['o alice ', [], ''],
    ['or lo', ['lobby', 'loft'], 'lo'],
    ['cr lob', ['lobby '], 'lob'],
    ['trust al', ['alice '], 'al'],
    ['path bo', ['bob', 'bobby'], 'bo'],
    ['path bob re', ['relay-only '], 're'],
    ['path bob d', ['default', 'direct-only'], 'd'],
    ['/path bob auto ', [], ''],
    ['doctor al', ['alice '], 'al'],
    ['doc', ['doctor '], 'doc'],
    ['help clos', ['close-room '], 'clos'],
    ['login al', [], 'al'],
    ['login alice b', [], 'b'],
    ['lu al', [], 'al'],
    ['hello al', ['alice '], 'al'],
    ['s hello bobb', ['bobby '], 'bobb'],
    ['hello ', [], ''],
    ['o __proto__', [], '__proto__'],
  ])('%j offers %j', (line, matches, word) => {
    expect(completions(line, names)).toEqual([matches, word]);
  });
});

describe('NameCache', () => {
  function setUp() {
    const client = new FakeClient();
    client.state = { ...client.state, user: 'alice' };
    const timer = new ManualTimer();
    return { client, timer, cache: new NameCache(client, timer) };
  }

  it('asks the server once, and again when some time has passed', async () => {
    const { client, timer, cache } = setUp();
    expect(await cache.complete('o zo')).toEqual([['zoe '], 'zo']);
    expect(await cache.complete('or lo')).toEqual([['lobby '], 'lo']);
    expect(client.calls).toEqual([['users'], ['connectedUsers'], ['rooms']]);
    timer.advance(5_000);
    client.online = [{ name: 'zora', door: 'line' }];
    // The old names serve at once; the new ones are there for the next time.
    expect(await cache.complete('o zo')).toEqual([['zoe '], 'zo']);
    await settled();
    expect(await cache.complete('o zo')).toEqual([['zoe', 'zora'], 'zo']);
  });

  it('does not ask before anybody is logged in, nor for commands', async () => {
    const { client, cache } = setUp();
    await cache.complete('op');
    client.state = { ...client.state, user: null };
    await cache.complete('o b');
    expect(client.calls).toEqual([]);
  });

  it('a server that does not answer keeps Tab for a second only', async () => {
    const { client, timer, cache } = setUp();
    client.hanging.add('users');
    const completing = cache.complete('o b');
    timer.advance(1_000);
    expect(await completing).toEqual([[], 'b']);
    timer.advance(4_000);
    await settled();
    client.hanging.clear();
    expect(await cache.complete('o bo')).toEqual([['bob '], 'bo']);
  });

  it('a server that refuses costs nothing but the names', async () => {
    const { client, cache } = setUp();
    client.failures.set('rooms', 'RATE_LIMITED');
    expect(await cache.complete('o b')).toEqual([[], 'b']);
  });
});
