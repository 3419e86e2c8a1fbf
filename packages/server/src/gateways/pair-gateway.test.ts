import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Clock } from '../domain/index.js';
import { createLog } from '../log.js';
import { PairGateway } from './pair-gateway.js';
import { until } from './until.fixture.js';

const greeting = "YOU'RE CONNECTED TO : @MAIN SERVER";
const goodBye = 'SERVEUR WILL CLOSE NOW';
const minuteMs = 60_000;

/** Time goes on only when a test says so. */
class TestClock implements Clock {
  #now = 0;
  readonly #timers = new Map<() => void, number>();

  now(): number {
    return this.#now;
  }

  after(delayMs: number, action: () => void): () => void {
    const fire = (): void => {
      action();
    };
    this.#timers.set(fire, this.#now + delayMs);
    return () => this.#timers.delete(fire);
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const [fire, at] of [...this.#timers]) {
      if (at <= this.#now && this.#timers.delete(fire)) fire();
    }
  }
}

/** An old client: what it has read so far, and `|` when it was closed. */
class OldClient {
  read = '';
  readonly socket: Socket;
  #wake: () => void = () => undefined;

  constructor(port: number) {
    this.socket = connect({ host: '127.0.0.1', port });
    this.socket.setEncoding('utf8').on('data', (text: string) => {
      this.#add(text);
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.#add('|');
    });
  }

  write(text: string): void {
    this.socket.write(text);
  }

  /** Waits until it has read just this; what is wrong shows as soon as it is certain. */
  async reads(text: string): Promise<void> {
    while (text.startsWith(this.read) && text !== this.read) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    expect(this.read).toBe(text);
  }

  #add(text: string): void {
    this.read += text;
    this.#wake();
  }
}

let clock: TestClock;
let gateway: PairGateway;
let logged: string[];
let port: number;
let clients: OldClient[];

async function start(maxUsers = 100): Promise<void> {
  gateway = new PairGateway(
    { clock, monotonicMs: () => clock.now(), log: createLog('info', { write: addToLog }) },
    { port: 0, maxUsers },
  );
  ({ port } = await gateway.listen('127.0.0.1'));
}

function addToLog(line: string): void {
  logged.push((JSON.parse(line) as { msg: string }).msg);
}

/** Connected one after the other, so that the order of arrival is theirs. */
async function come(howMany: number): Promise<OldClient[]> {
  const come: OldClient[] = [];
  for (let index = 0; index < howMany; index += 1) {
    const before = logged.length;
    const client = new OldClient(port);
    clients.push(client);
    come.push(client);
    await once(client.socket, 'connect');
    await until('the client is accepted', () =>
      logged.slice(before).some((line) => line.endsWith(`:${String(client.socket.localPort)} connected`)),
    );
  }
  return come;
}

beforeEach(() => {
  clock = new TestClock();
  logged = [];
  clients = [];
});

afterEach(async () => {
  for (const { socket } of clients) socket.destroy();
  await gateway.stop();
});

describe('the pair chat over sockets', () => {
  it('joins two, and lets them talk in turns', async () => {
    await start();
    const [first, second] = (await come(2)) as [OldClient, OldClient];
    second.write('early\n');
    await first.reads(greeting);
    first.write('hel');
    first.write('lo\n');
    await second.reads('hello\0');
    await first.reads(`${greeting}early\0`);
    first.write('exit\n');
    await second.reads('hello\0exit\0|');
    await first.reads(`${greeting}early\0|`);
  });

  it('tells the other when one is gone', async () => {
    await start();
    const [first, second] = (await come(2)) as [OldClient, OldClient];
    first.write('last words\n');
    first.socket.end();
    await second.reads('last words\0exit\0|');
    const [third, fourth] = (await come(2)) as [OldClient, OldClient];
    fourth.socket.resetAndDestroy();
    await third.reads(`${greeting}exit\0|`);
  });

  it('reads no further than it keeps, and loses nothing', async () => {
    await start();
    const [first] = (await come(1)) as [OldClient];
    const lines = Array.from({ length: 60_000 }, (_, index) => `line ${String(index)} ${'.'.repeat(230)}`);
    first.write(lines.map((line) => `${line}\n`).join(''));
    const [second] = (await come(1)) as [OldClient];
    // What neither the gateway nor the system on both sides takes, waits at the client.
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(first.socket.writableLength).toBeGreaterThan(0);
    second.write('\n'.repeat(1_000));
    const expected = lines.slice(0, 1_001).map((line) => `${line}\0`);
    await second.reads(expected.join(''));
    await first.reads(`${greeting}${'\0'.repeat(1_000)}`);
  });

  it('drops a connection that sends no lines, and its partner with it', async () => {
    await start();
    const [first, second, third] = (await come(3)) as [OldClient, OldClient, OldClient];
    first.write('x'.repeat(1024 * 1024));
    await second.reads('exit\0|');
    await first.reads(`${greeting}|`);
    third.write('x'.repeat(1024 * 1024));
    await third.reads(`${greeting}|`);
    expect(gateway.clients().filter(({ state }) => state === 'connected')).toEqual([]);
  });
});

describe('the operator', () => {
  it('closes the chat, and it begins afresh', async () => {
    await start();
    const [first, second, third] = (await come(3)) as [OldClient, OldClient, OldClient];
    gateway.closeAll();
    expect(logged).toContain('SERVEUR WILL CLOSE NOW : ** 3 **');
    await first.reads(`${greeting}${goodBye}|`);
    await second.reads(`${goodBye}|`);
    await third.reads(`${greeting}${goodBye}|`);
    const [fourth, fifth] = (await come(2)) as [OldClient, OldClient];
    fourth.write('hello\n');
    await fifth.reads('hello\0');
    await fourth.reads(greeting);
  });

  it('has the clients counted in the words of old', async () => {
    await start();
    await come(2);
    gateway.sayCount();
    expect(logged.at(-1)).toBe('NUMBER OF CLIENTS :  ** 2 **');
  });

  it('sees who is with whom', async () => {
    await start();
    const [first, second] = (await come(2)) as [OldClient, OldClient];
    const [one, other] = [first.socket.localPort ?? 0, second.socket.localPort ?? 0];
    expect(gateway.clients()).toEqual([
      { address: '127.0.0.1', port: one, state: 'connected', with: `127.0.0.1:${String(other)}` },
      { address: '127.0.0.1', port: other, state: 'connected', with: `127.0.0.1:${String(one)}` },
    ]);
    first.socket.destroy();
    await second.reads('exit\0|');
    expect(gateway.clients().map(({ state }) => state)).toEqual(['disconnected', 'disconnected']);
  });

  it('stops it, which everyone is told', async () => {
    await start();
    const [first] = (await come(1)) as [OldClient];
    await gateway.stop();
    await first.reads(`${greeting}${goodBye}|`);
  });
});

describe('silence', () => {
  it('ends a pair that has said nothing after 5 minutes, but not the one that waits for a partner', async () => {
    await start();
    const [first, second, third] = (await come(3)) as [OldClient, OldClient, OldClient];
    clock.advance(5 * minuteMs - 1);
    const [fourth] = (await come(1)) as [OldClient];
    clock.advance(1);
    await Promise.all([
      until('the first is closed', () => first.read.endsWith('|')),
      until('the second is closed', () => second.read.endsWith('|')),
    ]);
    third.write('still here\n');
    await fourth.reads('still here\0');
  });

  it('of one who waited counts from when its partner came', async () => {
    await start();
    const [first] = (await come(1)) as [OldClient];
    clock.advance(1_000 * minuteMs);
    const [second] = (await come(1)) as [OldClient];
    clock.advance(5 * minuteMs - 1);
    first.write('hello\n');
    await second.reads('hello\0');
  });

  it('ends a pair that has talked after an hour', async () => {
    await start();
    const [first, second] = (await come(2)) as [OldClient, OldClient];
    first.write('hello\n');
    await second.reads('hello\0');
    clock.advance(60 * minuteMs - 1);
    second.write('hello\n');
    await first.reads(`${greeting}hello\0`);
    clock.advance(1);
    await until('the second is closed', () => second.read.endsWith('|'));
  });
});

describe('when it is full', () => {
  it('the oldest pair that has said nothing makes room', async () => {
    await start(6);
    const [a, b, c, d, e, f] = (await come(6)) as [OldClient, OldClient, OldClient, OldClient, OldClient, OldClient];
    a.write('we talk\n');
    await b.reads('we talk\0');
    const [g] = (await come(1)) as [OldClient];
    await g.reads(greeting);
    await c.reads(`${greeting}exit\0|`);
    await until('the fourth is closed', () => d.read.endsWith('|'));
    e.write('we live\n');
    await f.reads('we live\0');
    b.write('so do we\n');
    await a.reads(`${greeting}so do we\0`);
  });

  it('of pairs that talk, a newcomer is turned away', async () => {
    await start(2);
    const [first, second] = (await come(2)) as [OldClient, OldClient];
    first.write('hello\n');
    await second.reads('hello\0');
    const late = new OldClient(port);
    clients.push(late);
    await late.reads('|');
    second.write('hello\n');
    await first.reads(`${greeting}hello\0`);
  });
});
