/** The checks of the grid can fail. */
import { describe, expect, it } from '@jest/globals';
import { SeededRandom } from '@parley/simulator';
import { CellFailure, runCell, type Cell } from './cell.js';
import { moves } from './journeys.js';
import { Talk } from './talk.js';
import { TargetCheck } from './target-check.js';

const server = { address: '198.51.100.1', port: 4433 };
const offered = { address: '203.0.113.9', port: 9 };
const bytes = new Uint8Array(1);

describe('a datagram', () => {
  it('may go to the server, to what was offered, and to who was heard', () => {
    const targets = new TargetCheck([server]);
    expect(() => targets.checked({ to: offered, bytes })).toThrow('neither offered nor heard from');
    targets.handleOffer([offered]);
    for (const to of [server, offered]) expect(targets.checked({ to, bytes })).toEqual({ to, bytes });
    const other = { ...offered, port: 10 };
    expect(() => targets.checked({ to: other, bytes })).toThrow('203.0.113.9 10');
    targets.handleHeard({ kind: 'plain', to: other });
    expect(targets.checked({ to: other, bytes })).toEqual({ to: other, bytes });
  });

  it('may go to any port of what was offered while birthday punching has its turn', () => {
    const targets = new TargetCheck([server]);
    targets.handleOffer([offered]);
    const tried = { ...offered, port: 77 };
    targets.handleProbe({ kind: 'plain', to: tried });
    expect(() => targets.checked({ to: tried, bytes })).toThrow('neither');
    targets.mayTryPorts = true;
    const elsewhere = { ...server, port: 77 };
    for (const to of [tried, elsewhere]) targets.handleProbe({ kind: 'plain', to });
    expect(() => targets.checked({ to: tried, bytes })).not.toThrow();
    expect(() => targets.checked({ to: elsewhere, bytes })).toThrow('neither');
  });
});

describe('a message', () => {
  const said = (count: number): Uint8Array[] => {
    const talk = new Talk(new SeededRandom(1));
    talk.begin(0);
    return Array.from({ length: count }, (_, i) => talk.take(i * 100)!);
  };

  it('is said every 100 ms, and heard once and in order', () => {
    const talk = new Talk(new SeededRandom(2));
    for (const [i, message] of said(3).entries()) talk.receive(i * 100 + 30, message);
    expect([talk.received, talk.firstAt, talk.lastAt, talk.newestSaidAt]).toEqual([3, 30, 230, 200]);
  });

  it('that comes twice, or too early, is noticed', () => {
    const [first, second] = said(2);
    const twice = new Talk(new SeededRandom(2));
    twice.receive(1, first!);
    expect(() => {
      twice.receive(2, first!);
    }).toThrow('message 0 came where 1 was next');
    expect(() => {
      new Talk(new SeededRandom(2)).receive(1, second!);
    }).toThrow('message 1 came where 0 was next');
  });
});

describe('a cell', () => {
  const cell = (more: Partial<Cell>): Cell => ({
    name: 'two routers',
    expected: 'direct',
    suiteSeeds: 1,
    scene: {
      sites: (surroundings) => ({
        alice: surroundings.behind('alice', { nat: 'endpoint-dependent' }),
        bob: surroundings.behind('bob', { nat: 'endpoint-dependent' }),
      }),
    },
    ...more,
  });

  it('fails when the two are not direct in time, and says how to have that again', () => {
    expect(() => runCell(cell({}), 2)).toThrow(CellFailure);
    expect(() => runCell(cell({}), 2)).toThrow(/two routers, seed 2: .*not direct after 2000 ms[^]*--from 2 --seeds 1/);
  });

  it('fails when what it does to the two does', () => {
    const disturb = (): void => {
      throw new Error('did not go on');
    };
    expect(() => runCell(cell({ expected: 'relayed', disturb }), 2)).toThrow('did not go on');
  });

  it('fails when the conversation does not go on: nobody hears of a move without a server', () => {
    const scene: Cell['scene'] = {
      sites: (surroundings) => ({
        alice: surroundings.behind('alice', { nat: 'port-restricted' }),
        bob: surroundings.behind('bob', { nat: 'port-restricted' }),
      }),
    };
    const disturb = moves(['alice'], { isServerDown: true });
    expect(() => runCell(cell({ scene, disturb }), 2)).toThrow('the conversation does not go on');
  });

  it('is the same for the same seed', () => {
    const relayed = cell({ expected: 'relayed' });
    expect(runCell(relayed, 4)).toEqual(runCell(relayed, 4));
    expect(runCell(relayed, 5)).not.toEqual(runCell(relayed, 4));
  });
});
