import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { BirthdayTurns } from './birthday-turns.js';

/** Sockets that open when they are told to. */
class FakeSockets {
  readonly held = new Set<number>();
  readonly asked: number[] = [];
  readonly #opening: (() => void)[] = [];
  #last = 0;

  open(count: number): Promise<number[]> {
    this.asked.push(count);
    return new Promise((resolve) => {
      this.#opening.push(() => {
        const numbers = Array.from({ length: count }, () => ++this.#last);
        for (const number of numbers) this.held.add(number);
        resolve(numbers);
      });
    });
  }

  close(number: number): void {
    if (!this.held.delete(number)) throw new Error(`socket ${String(number)} is not open`);
  }

  async opened(): Promise<void> {
    this.#opening.shift()?.();
    await turn();
  }
}

function setUp() {
  const sockets = new FakeSockets();
  const turns = new BirthdayTurns(sockets);
  const begun: [string, readonly number[]][] = [];
  const owner = (name: string) => ({ name });
  const ask = (who: { name: string }, count: number): void => {
    turns.ask(who, count, (numbers) => begun.push([who.name, numbers]));
  };
  return { sockets, turns, begun, ask, a: owner('a'), b: owner('b'), c: owner('c') };
}

describe('BirthdayTurns', () => {
  it('gives one conversation its turn at a time, in the order they asked', async () => {
    const { sockets, turns, begun, ask, a, b, c } = setUp();
    ask(a, 2);
    ask(b, 0);
    ask(c, 1);
    await sockets.opened();
    expect(begun).toEqual([['a', [1, 2]]]);
    expect(sockets.asked).toEqual([2]);
    turns.end(a, undefined);
    await sockets.opened();
    expect(begun).toEqual([
      ['a', [1, 2]],
      ['b', []],
    ]);
    turns.end(b, undefined);
    await sockets.opened();
    expect(begun.at(-1)).toEqual(['c', [3]]);
    expect([...sockets.held]).toEqual([3]);
  });

  it('closes all but the socket that is kept, and that one at the end', async () => {
    const { sockets, turns, ask, a } = setUp();
    ask(a, 3);
    await sockets.opened();
    turns.end(a, 2);
    expect([...sockets.held]).toEqual([2]);
    turns.end(a, 2);
    expect([...sockets.held]).toEqual([2]);
    turns.end(a, undefined);
    turns.end(a, undefined);
    expect([...sockets.held]).toEqual([]);
  });

  it('what is kept stays while others have their turn, and in the next one of its owner', async () => {
    const { sockets, turns, begun, ask, a, b } = setUp();
    ask(a, 2);
    await sockets.opened();
    turns.end(a, 1);
    ask(b, 1);
    await sockets.opened();
    expect([...sockets.held]).toEqual([1, 3]);
    turns.end(b, undefined);
    ask(a, 1);
    await sockets.opened();
    expect(begun.at(-1)).toEqual(['a', [4]]);
    turns.end(a, undefined);
    expect([...sockets.held]).toEqual([]);
  });

  it('one that ends while its sockets are opened never begins, and they are closed before the next ones are opened', async () => {
    const { sockets, turns, begun, ask, a, b } = setUp();
    ask(a, 2);
    ask(b, 1);
    turns.end(a, undefined);
    expect(sockets.asked).toEqual([2]);
    await sockets.opened();
    expect([...sockets.held]).toEqual([]);
    expect(sockets.asked).toEqual([2, 1]);
    await sockets.opened();
    expect(begun).toEqual([['b', [3]]]);
  });

  it('one that ends so and asks again begins once, with sockets of its own', async () => {
    const { sockets, turns, begun, ask, a } = setUp();
    ask(a, 2);
    turns.end(a, undefined);
    ask(a, 1);
    await sockets.opened();
    await sockets.opened();
    expect(begun).toEqual([['a', [3]]]);
    expect([...sockets.held]).toEqual([3]);
  });

  it('one that no longer waits is passed over', async () => {
    const { sockets, turns, begun, ask, a, b, c } = setUp();
    ask(a, 1);
    ask(b, 1);
    ask(c, 1);
    await sockets.opened();
    turns.end(b, undefined);
    turns.end(a, undefined);
    await sockets.opened();
    expect(begun.map(([name]) => name)).toEqual(['a', 'c']);
  });
});
