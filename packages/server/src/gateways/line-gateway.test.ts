import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  decodePeerFrame,
  encodeTextFrame,
  FrameStream,
  OutgoingChain,
  type EventParams,
  type PeerFrame,
  rates,
} from '@parley/protocol';
import { NetworkRates } from '../dispatch/network-rates.js';
import { FakeWorld, type Person } from '../domain/fake-world.fixture.js';
import { DeviceEnd } from './bridged-people.fixture.js';
import { createLog } from '../log.js';
import { LineGateway } from './line-gateway.js';
import { until } from './until.fixture.js';

const minuteMs = 60_000;

/** A client as plain as telnet: what it has read and not taken yet, a line each. */
class Telnet {
  readonly socket: Socket;
  readonly closed: Promise<unknown>;
  readonly address: string;
  #text = '';
  #isClosed = false;
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    this.address = `127.0.0.1:${String(socket.localPort)}`;
    socket.setEncoding('utf8').on('data', (text: string) => {
      this.#text += text;
      this.#wake();
    });
    socket.on('error', () => undefined);
    this.closed = once(socket, 'close').then(() => {
      this.#isClosed = true;
      this.#wake();
    });
  }

  send(...lines: readonly string[]): void {
    this.socket.write(lines.map((line) => `${line}\n`).join(''));
  }

  /** What has come and was not taken. */
  get left(): string {
    return this.#text;
  }

  /** The next line. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf('\n');
      if (end !== -1) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return line;
      }
      if (this.#isClosed) throw new Error('the connection was closed');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async lines(count: number): Promise<string[]> {
    const lines: string[] = [];
    while (lines.length < count) lines.push(await this.line());
    return lines;
  }
}

let world: FakeWorld;
let gateway: LineGateway;
let port: number;
let logged: string[];
let clients: Telnet[];

async function start(settings: { maxUsers?: number; broadcastAll?: boolean } = {}): Promise<void> {
  const { messenger, clock } = world;
  const lines = {
    write: (line: string): void => {
      const { msg } = JSON.parse(line) as { msg: string };
      logged.push(msg);
    },
  };
  const log = createLog('info', lines);
  const parts = {
    messenger,
    clock,
    monotonicMs: () => clock.now(),
    introductions: new NetworkRates(rates.introduce, () => clock.now()),
    log,
    stopServer: () => undefined,
  };
  gateway = new LineGateway(parts, { port: 0, maxUsers: 10, broadcastAll: false, ...settings });
  ({ port } = await gateway.listen('127.0.0.1'));
}

async function telnet(): Promise<Telnet> {
  const socket = connect({ host: '127.0.0.1', port });
  await once(socket, 'connect');
  const client = new Telnet(socket);
  clients.push(client);
  return client;
}

/** One who has joined. */
async function user(name: string): Promise<Telnet> {
  const client = await telnet();
  client.send(`JOIN ${name}`);
  expect(await client.line()).toBe(`JOIN ${name} Request Accepted`);
  return client;
}

/** What the server has told a person since the last call. */
function told(person: Person, event: string): Record<string, unknown>[] {
  return person.connection
    .take()
    .flatMap(([name, params]) => (name === event ? [params as Record<string, unknown>] : []));
}

beforeEach(async () => {
  world = new FakeWorld();
  logged = [];
  clients = [];
  await start();
});

afterEach(async () => {
  for (const client of clients) client.socket.destroy();
  await gateway.stop();
});

describe('a line user', () => {
  it('is a user like others: listed by its door, its name its own', async () => {
    const alice = await world.join('alice');
    const mat = await user('Mat0299');
    expect(world.messenger.onlineUsers()).toMatchObject([
      { name: 'alice', door: 'native' },
      { name: 'mat0299', door: 'line', address: '127.0.0.1', port: mat.socket.localPort },
    ]);
    const other = await telnet();
    other.send('JOIN alice', 'JOIN mat0299', 'JOIN -x', 'JOIN brb5678', 'LIST');
    expect(await other.lines(9)).toEqual([
      'Username Already In Use (alice). Choose Another.',
      'Username Already In Use (mat0299). Choose Another.',
      'Invalid Username (-x). Choose Another.',
      'JOIN brb5678 Request Accepted',
      'USERNAME FD',
      '-'.repeat(28),
      'Mat0299 5',
      'brb5678 6',
      'alice 0',
    ]);
    await expect(world.join('mat0299')).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    expect(alice.connection.closed).toBe(false);
  });

  it('may go as it came: the name is free at once', async () => {
    for (const how of ['QUIT', 'end', 'destroy'] as const) {
      const mat = await user('mat0299');
      if (how === 'QUIT') mat.send('QUIT');
      else mat.socket[how]();
      await mat.closed;
      await until('the name is free', () => !world.messenger.isOnline('mat0299'));
    }
    expect(logged.filter((line) => line === 'Client (5): Disconnecting User.')).toHaveLength(3);
    await user('mat0299');
  });

  it('that goes while its name is looked up leaves no name behind', async () => {
    let release: () => void = () => undefined;
    const find = world.accounts.find.bind(world.accounts);
    world.accounts.find = async (name) => {
      await new Promise<void>((resolve) => (release = resolve));
      return find(name);
    };
    const client = await telnet();
    client.send('JOIN mat0299');
    await until('the connection is accepted', () => logged.includes('Client (5): Connection Handler Assigned'));
    const asked = release;
    await until('the name is looked up', () => release !== asked);
    client.socket.resetAndDestroy();
    // The server reads on only when the answer is there.
    release();
    await until('the user is gone', () => logged.includes('Client (5): Disconnecting User.'));
    expect(world.messenger.isOnline('mat0299')).toBe(false);
  });

  it('may be silent for ever, a stranger for a minute', async () => {
    const mat = await user('mat0299');
    const stranger = await telnet();
    await until('the stranger is accepted', () => logged.includes('Client (6): Connection Accepted'));
    world.clock.advance(minuteMs);
    await stranger.closed;
    world.clock.advance(60 * minuteMs);
    mat.send('MESG mat0299 still here');
    expect(await mat.line()).toBe('FROM mat0299: still here');
  });

  it('hears that the server ends', async () => {
    const mat = await user('mat0299');
    const stopped = gateway.stop();
    expect(await mat.line()).toBe('Server Shutting Down. Disconnecting User.');
    await mat.closed;
    await stopped;
    expect(world.messenger.isOnline('mat0299')).toBe(false);
    await start();
  });

  it('beyond the last one is told so', async () => {
    await gateway.stop();
    await start({ maxUsers: 1 });
    await user('mat0299');
    const asd = await telnet();
    asd.send('JOIN asd6789');
    expect(await asd.line()).toBe('Too Many Users. Disconnecting User.');
    await asd.closed;
    expect(logged.at(-1)).toBe('Client (6): Database Full. Disconnecting User.');
  });
});

describe('a line user and a native one', () => {
  it('talk: MESG calls, texts go both ways, a receipt tells that one is in the socket', async () => {
    const alice = await world.join('alice');
    const mat = await user('Mat0299');
    mat.send('MESG alice hello\u001b[2J', 'MESG alice again');
    let incoming: Record<string, unknown>[] = [];
    await until('she is called', () => (incoming = told(alice, 'session.incoming')).length > 0);
    expect(incoming).toEqual([{ peer: 'mat0299', door: 'line' }]);
    // The answer to a later line shows that both texts wait for hers.
    mat.send('MESG Mat0299 done');
    expect(await mat.line()).toBe('FROM Mat0299: done');
    const id = world.messenger.answerCall(alice.user, 'mat0299', 'accept')?.id ?? '';
    await new Promise((resolve) => setImmediate(resolve));

    const stream = new FrameStream();
    const sendFrames = (resume: boolean): void => {
      const received = world.messenger.carryFrames(alice.user, 'mat0299', id, stream.nextBatch(), resume);
      stream.acknowledge(received ?? 0);
    };
    const frames: (PeerFrame | undefined)[] = [];
    const heardFrames = (): number => {
      for (const batch of told(alice, 'gateway.frames') as EventParams<'gateway.frames'>[]) {
        for (const frame of stream.accept(batch)) frames.push(decodePeerFrame(Buffer.from(frame, 'base64')));
      }
      return frames.length;
    };
    sendFrames(true);
    await until('she has both texts', () => heardFrames() === 2);
    expect(frames).toMatchObject([
      { message: { text: 'hello?[2J', sender: 'mat0299' } },
      { message: { text: 'again' } },
    ]);

    const chain = new OutgoingChain((bytes) => createHash('sha256').update(bytes).digest(), new Uint8Array(8));
    const messageId = Buffer.alloc(16, 1);
    const message = { id: messageId, conversation: Buffer.from(id, 'hex'), sender: 'alice', at: 1 };
    const record = chain.next({ ...message, text: 'two\nlines\u202e' });
    stream.push(Buffer.from(encodeTextFrame(record)).toString('base64'));
    sendFrames(false);
    expect(await mat.lines(2)).toEqual(['FROM alice: two', 'FROM alice: lines?']);
    await until('she has the receipt', () => heardFrames() === 3);
    expect(frames[2]).toEqual({ type: 'receipt', id: new Uint8Array(messageId) });

    world.messenger.closeSession(alice.user, 'mat0299', id, 'ended');
    expect(await mat.line()).toBe('Not Delivered (alice): 2 Message(s).');
    expect(logged.join()).not.toMatch(/hello|again|two/);
  });

  it.each(['QUIT', 'the end of what he says'])('talk, and %s waits until she has what was said', async (how) => {
    const alice = await world.join('alice');
    alice.connection.take();
    const mat = await telnet();
    const lines = ['JOIN mat0299', 'MESG alice hi', ...(how === 'QUIT' ? ['QUIT'] : [])];
    mat.socket.end(lines.map((line) => `${line}\n`).join(''));
    expect(await mat.line()).toBe('JOIN mat0299 Request Accepted');
    await until('she is called', () => told(alice, 'session.incoming').length > 0);
    // That of the call, which rings longer, and the one that his leaving waits for.
    await until('his leaving waits', () => world.clock.pendingTimers >= 2);
    // As long as it may be, but not over.
    world.clock.advance(2_999);
    const id = world.messenger.answerCall(alice.user, 'mat0299', 'accept')?.id ?? '';
    await new Promise((resolve) => setImmediate(resolve));
    const end = new DeviceEnd(world, alice, 'mat0299', id);
    end.flush(true);
    end.read();
    expect(end.texts).toEqual(['mat0299 1: hi']);
    await mat.closed;
    expect(mat.left).toBe('');
    await until('the name is free', () => !world.messenger.isOnline('mat0299'));
  });

  it.each(['QUIT', 'the end of what he says'])('do not talk, which is told after %s too', async (how) => {
    const alice = await world.join('alice');
    alice.connection.take();
    const mat = await telnet();
    const lines = ['JOIN mat0299', 'MESG alice hi', ...(how === 'QUIT' ? ['QUIT'] : [])];
    mat.socket.end(lines.map((line) => `${line}\n`).join(''));
    expect(await mat.line()).toBe('JOIN mat0299 Request Accepted');
    await until('she is called', () => told(alice, 'session.incoming').length > 0);
    // That of the call, which rings longer, and the one that his leaving waits for.
    await until('his leaving waits', () => world.clock.pendingTimers >= 2);
    world.clock.advance(2_999);
    await new Promise((resolve) => setImmediate(resolve));
    expect(world.messenger.isOnline('mat0299')).toBe(true);
    world.clock.advance(1);
    expect(await mat.line()).toBe('Not Delivered (alice): 1 Message(s).');
    await mat.closed;
    expect(mat.left).toBe('');
    await until('the name is free', () => !world.messenger.isOnline('mat0299'));
    expect(told(alice, 'session.cancelled')).toHaveLength(1);
  });

  it('do not talk when she is busy, declines, or is not there', async () => {
    const alice = await world.join('alice');
    const gone = await world.join('gone');
    world.breakConnection(gone);
    const mat = await user('mat0299');
    for (const answer of ['busy', 'decline'] as const) {
      mat.send('MESG alice hello');
      await until('she is called', () => told(alice, 'session.incoming').length > 0);
      world.messenger.answerCall(alice.user, 'mat0299', answer);
    }
    mat.send('MESG gone hello', 'MESG nobody hello');
    expect(await mat.lines(4)).toEqual([
      'BUSY (alice). MESG Discarded.',
      'DECLINED (alice). MESG Discarded.',
      'Unknown Recipient (gone). MESG Discarded.',
      'Unknown Recipient (nobody). MESG Discarded.',
    ]);
  });

  it('are joined when she calls', async () => {
    const alice = await world.join('alice');
    await user('mat0299');
    expect(await world.messenger.openSession(alice.user, 'mat0299')).toMatchObject({ via: 'gateway', door: 'line' });
  });

  it('hear a broadcast both only with the setting', async () => {
    for (const broadcastAll of [false, true]) {
      await gateway.stop();
      await start({ broadcastAll });
      const alice = await world.join(broadcastAll ? 'alice' : 'berta');
      const mat = await user('mat0299');
      const brb = await user('brb5678');
      mat.send('BCST hi', 'MESG mat0299 done');
      expect(await brb.line()).toBe('FROM mat0299: hi');
      await mat.line();
      expect(told(alice, 'session.incoming')).toHaveLength(broadcastAll ? 1 : 0);
    }
  });

  it('cannot be rung faster than by a client of our own', async () => {
    const names = Array.from({ length: 120 }, (_, n) => `user${String(n)}`);
    const people = await world.joinAll(...names);
    const mat = await user('mat0299');
    const rung = (): number => people.filter((person) => told(person, 'session.incoming').length > 0).length;
    mat.send(...names.map((name) => `MESG ${name} x`), 'MESG mat0299 done');
    let count = 0;
    await until('a hundred are called', () => (count += rung()) >= 100);
    for (let n = 0; n < 20; n += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(count + rung()).toBe(100);
    while (count < 120) {
      await until('the next call waits for its turn', () => world.clock.pendingTimers > count);
      world.clock.advance(100);
      await until('one more is called', () => (count += rung()) > 100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await mat.line()).toBe('FROM mat0299: done');
  });
});

describe('a room', () => {
  it('takes line users in, who know each other by the names they typed', async () => {
    const alice = await world.join('alice');
    await world.messenger.rooms.enter(alice.user, 'lobby');
    await world.messenger.rooms.enter(alice.user, 'attic');
    const mat = await user('Mat');
    const brb = await user('brb5678');
    mat.send('ROOM nowhere', 'ROOM NOWHERE', 'ROOM lobby');
    expect(await mat.lines(3)).toEqual([
      'Unknown Room (nowhere). ROOM Discarded.',
      'Unknown Room (NOWHERE). ROOM Discarded.',
      'ROOM lobby Request Accepted',
    ]);
    brb.send('ROOM lobby');
    await brb.line();
    mat.send('MESG lobby hello');
    expect(await brb.line()).toBe('FROM Mat@lobby: hello');
    brb.send('ROOM attic');
    expect(await mat.lines(2)).toEqual(['ROOM lobby: brb5678 joined.', 'ROOM lobby: brb5678 left.']);
    expect(await world.messenger.rooms.members('attic')).toEqual(['alice', 'brb5678']);
    await world.messenger.rooms.close(alice.user, 'lobby');
    expect(await mat.line()).toBe('ROOM lobby: closed.');
    brb.send('LEAVE');
    expect(await brb.lines(2)).toEqual(['ROOM attic Request Accepted', 'LEAVE attic Request Accepted']);
    expect(await world.messenger.rooms.members('attic')).toEqual(['alice']);
  });
});

describe('a flood', () => {
  it('slows its sender down, and drops the one who does not read', async () => {
    const mat = await user('mat0299');
    const brb = await user('brb5678');
    const asd = await user('asd6789');
    brb.socket.pause();
    // More than the buffers of the system and ours take.
    mat.socket.write(`MESG brb5678 ${'x'.repeat(4000)}\n`.repeat(6000));
    await until('somebody waits for the one who does not read', () => world.clock.pendingTimers > 0);
    asd.send('MESG asd6789 meanwhile');
    expect(await asd.line()).toBe('FROM asd6789: meanwhile');
    expect(world.messenger.isOnline('brb5678')).toBe(true);
    world.clock.advance(5_000);
    await until('the one who does not read is dropped', () => !world.messenger.isOnline('brb5678'));
    // The sender goes on where it was: one line for each that is left.
    expect(await mat.line()).toBe('Unknown Recipient (brb5678). MESG Discarded.');
  });

  it('that is read arrives whole and in order, through turns and pauses', async () => {
    const mat = await user('mat0299');
    const brb = await user('brb5678');
    const count = 20_000;
    const lines = Array.from({ length: count }, (_, n) => `MESG brb5678 ${String(n)} ${'x'.repeat(n % 200)}`);
    mat.send(...lines);
    const heard = await brb.lines(count);
    expect(heard).toEqual(lines.map((line) => line.replace('MESG brb5678', 'FROM mat0299:')));
  });

  it('of lines that are no commands leaves others their turns', async () => {
    const mat = await user('mat0299');
    const asd = await user('asd6789');
    const brb = await user('brb5678');
    // All that it says is there at once; to each line there is an answer.
    const count = 10_000;
    mat.socket.write('what?\n'.repeat(count));
    brb.send('MESG asd6789 meanwhile');
    expect(await asd.line()).toBe('FROM brb5678: meanwhile');
    for (let turns = 0; turns < 2; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    // A few turns of the event loop have passed, and in each a few lines were looked at.
    expect(mat.left.split('\n').length).toBeLessThan(500);
    expect(new Set(await mat.lines(count)).size).toBe(1);
  });

  it('of commands to which nobody listens drops only who sent it', async () => {
    const mat = await user('mat0299');
    const asd = await user('asd6789');
    mat.socket.pause();
    const flood = Buffer.alloc(1024 * 1024, '\n');
    for (let n = 0; n < 4; n += 1) mat.socket.write(flood);
    await until('somebody waits for the one who does not read', () => world.clock.pendingTimers > 0);
    asd.send('MESG asd6789 meanwhile');
    expect(await asd.line()).toBe('FROM asd6789: meanwhile');
    world.clock.advance(5_000);
    await until('the name is free', () => !world.messenger.isOnline('mat0299'));
  });
});
