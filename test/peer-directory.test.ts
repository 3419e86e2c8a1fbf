/** The peer directory of the real `msa`: clients in C, by themselves and with people who use `mca`, and strangers that mean no good. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { compileC } from './c-programs.js';
import { killAll, mains, Program } from './programs.js';
import { password, World } from './world.js';

const clientProgram = compileC('directory-client.c');
const withClients = clientProgram === undefined ? describe.skip : describe;

let world: World;
let server: Program;
let control: string;
/** Of the directory. */
let port: number;
let basePort: number;
let sockets: Socket[];

async function startServer(...options: string[]): Promise<void> {
  server = new Program(
    mains.msa,
    ['--json', '--host', '127.0.0.1', '--port', '0', '--data', join(world.folder, 'data'), '--bcrypt-cost', '4'].concat(
      ['--peer-port', '0', '--peer-base-port', String(basePort)],
      options,
    ),
  );
  const ready = (await server.record({ event: 'ready' })) as Record<'control' | 'peer', { host: string; port: number }>;
  expect(ready.peer.host).toBe('127.0.0.1');
  control = `127.0.0.1:${String(ready.control.port)}`;
  ({ port } = ready.peer);
}

beforeEach(async () => {
  world = new World();
  sockets = [];
  basePort = await freePorts(20);
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await killAll();
  await world.close();
});

/** Each test process at once with others picks from so many ports of its own; none of them is handed out by the system itself. */
const [firstPort, portsEach, shares] = [10_000, 1_000, 22];

/** The first of so many ports that are all free now, and some behind them that no other test process picks. */
async function freePorts(count: number): Promise<number> {
  const share = (Number(process.env['JEST_WORKER_ID'] ?? 1) - 1) % shares;
  for (;;) {
    const first = firstPort + share * portsEach + Math.floor((Math.random() * portsEach) / 2);
    const probes: Server[] = [];
    try {
      for (let each = first; each < first + count; each += 1) {
        const probe = createServer().listen({ host: '127.0.0.1', port: each });
        await once(probe, 'listening');
        probes.push(probe);
      }
      return first;
    } catch {
      // Somebody has one of them.
    } finally {
      await Promise.all(probes.map((probe) => new Promise((resolve) => probe.close(resolve))));
    }
  }
}

/** A client in C: says commands, and hears lines in the order they come. */
class CClient {
  readonly program: Program;
  #heard = 0;

  constructor(...modes: string[]) {
    this.program = new Program(clientProgram ?? '', ['127.0.0.1', String(port)]);
    for (const mode of modes) this.say(mode);
  }

  static async up(name: string, ...modes: string[]): Promise<CClient> {
    const client = new CClient(...modes);
    expect(await client.ask(`up ${name}`)).toMatch(/^ack \d+$/);
    return client;
  }

  say(command: string): void {
    this.program.say(command);
  }

  /** The next line. */
  async line(): Promise<string> {
    const at = this.#heard;
    this.#heard += 1;
    await this.program.until(() => this.program.lines.length > at, 'a line');
    return this.program.lines[at] ?? '';
  }

  async ask(command: string): Promise<string> {
    this.say(command);
    return this.line();
  }

  /** Who is on the list: names, with where they are. */
  async who(): Promise<Map<string, string>> {
    this.say('who');
    const peers = new Map<string, string>();
    for (;;) {
      const [kind, name, address, at] = (await this.line()).split(' ');
      if (kind === 'who') {
        expect(peers.size).toBe(Number(name));
        return peers;
      }
      expect(kind).toBe('peer');
      peers.set(name ?? '', `${address ?? ''}:${at ?? ''}`);
    }
  }
}

/** A native client that is logged in. */
async function native(name: string, ...options: string[]): Promise<Program> {
  const home = ['--home', join(world.folder, name), '--bind', '127.0.0.1'];
  const client = new Program(mains.mca, [...home, '--json', ...options]);
  client.say(`c ${control}`);
  client.say(`register ${name} ${password}`);
  await client.record({ command: 'register', ok: true });
  return client;
}

/** The error of a command that has to fail. */
async function failure(client: Program, command: string): Promise<string> {
  const { error } = (await client.record({ type: 'result', command, ok: false })) as { error: { code: string } };
  return error.code;
}

withClients('clients of the directory', () => {
  it.each([[[]], [['keep']], [['bytes']], [['sloppy']], [['keep', 'bytes', 'sloppy']]])(
    'come, hold their place, find each other and go: %j',
    async (modes: string[]) => {
      await startServer();
      const mat = new CClient(...modes);
      const brb = new CClient(...modes);
      expect(await mat.ask('up mat0299')).toBe(`ack ${String(basePort)}`);
      expect(await brb.ask('up brb5678')).toBe(`ack ${String(basePort + 1)}`);
      expect(await mat.ask('alive')).toBe(`ack ${String(basePort)}`);
      expect(Object.fromEntries(await mat.who())).toEqual({
        mat0299: `127.0.0.1:${String(basePort)}`,
        brb5678: `127.0.0.1:${String(basePort + 1)}`,
      });
      expect(await mat.ask('down')).toBe('done');
      expect(await mat.ask('alive')).toBe('nack');
      expect([...(await brb.who()).keys()]).toEqual(['brb5678']);
      server.say('lcu');
      expect(await server.record({ command: 'lcu' })).toMatchObject({
        data: { users: [{ name: 'brb5678', door: 'peer', address: '127.0.0.1' }] },
      });
    },
  );

  it.each([[[]], [['bytes']]])('talk to each other without the server: %j', async (modes: string[]) => {
    await startServer();
    const mat = await CClient.up('mat', ...modes);
    const brb = await CClient.up('brb', ...modes);
    await mat.who();
    await server.kill('SIGKILL');
    expect(await mat.ask('call brb')).toBe('agreed brb');
    expect(await brb.line()).toContain('called mat');
    expect(await mat.ask('say hello')).toBe('done');
    expect(await brb.line()).toBe('text hello');
    expect(await brb.ask('end')).toBe('done');
    expect(await mat.line()).toBe('ended');
  });

  it('are refused when there is no place, or somebody has their name', async () => {
    await startServer('--peer-max-users', '2');
    const alice = await native('alice');
    const mat = await CClient.up('mat');
    const other = new CClient();
    for (const name of ['mat', 'Mat', 'alice', 'Alice', '-x', '!']) expect(await other.ask(`up ${name}`)).toBe('nack');
    await CClient.up('brb');
    expect(await other.ask('up zoe')).toBe('nack');
    await mat.ask('down');
    expect(await other.ask('up zoe')).toBe(`ack ${String(basePort)}`);
    // And the other way round.
    const bob = new Program(mains.mca, ['--home', join(world.folder, 'bob'), '--json', control]);
    bob.say(`register zoe ${password}`);
    expect(await failure(bob, 'register')).toBe('NAME_TAKEN');
    alice.say('lcu');
    expect(await alice.record({ command: 'lcu' })).toMatchObject({
      data: { users: [{ name: 'alice' }, { name: 'brb', door: 'peer' }, { name: 'zoe', door: 'peer' }] },
    });
  });

  it('who are silent for two periods are dropped, and those who say ALIVE are not', async () => {
    await startServer('--peer-alive', '1500ms');
    const mat = await CClient.up('mat');
    const brb = await CClient.up('brb');
    let peers: Map<string, string>;
    do {
      expect(await mat.ask('alive')).toMatch(/^ack/);
      peers = await mat.who();
      await new Promise((resolve) => setTimeout(resolve, 50));
    } while (peers.has('brb'));
    expect([...peers.keys()]).toEqual(['mat']);
    expect(await brb.ask('alive')).toBe('nack');
  });

  it('may ask for the state; they end the server only where the operator allows it', async () => {
    await startServer();
    const mat = await CClient.up('mat');
    expect(await mat.ask('dump')).toBe('done');
    await server.until(() => server.errors.includes('the state, as a client asked'), 'the state');
    expect(await mat.ask('shutdown')).toBe('nack');
    await server.until(() => server.errors.includes('was refused'), 'the refusal');
    expect((await mat.who()).size).toBe(1);
    server.say('x');
    expect(await server.ended).toBe(0);
    await startServer('--peer-allow-shutdown');
    expect(await new CClient().ask('shutdown')).toBe('gone');
    expect(await server.ended).toBe(0);
  });
});

withClients('a client of the directory calls a native user', () => {
  it.each([[[]], [['bytes']], [['sloppy']]])('and they talk until the client ends it: %j', async (modes: string[]) => {
    await startServer();
    const alice = await native('alice');
    const mat = await CClient.up('Mat', ...modes);
    const peers = await mat.who();
    expect([...peers.keys()]).toEqual(['Mat', 'alice']);
    expect(await mat.ask('call alice')).toBe('agreed alice');
    await alice.record({ event: 'session', peer: 'mat', state: 'opened', path: 'gateway' });
    for (const text of ['hello', 'grüße', 'x'.repeat(900)]) {
      expect(await mat.ask(`say ${text}`)).toBe('done');
      expect(await alice.record({ event: 'message', from: 'mat', text })).toMatchObject({ room: null });
    }
    alice.say('s hi there');
    expect(await mat.line()).toBe('text hi there');
    await alice.record({ event: 'receipt', to: 'mat', state: 'delivered' });
    alice.say('l');
    expect(await alice.record({ command: 'l' })).toMatchObject({
      data: { conversation: { name: 'mat', path: 'gateway' } },
    });
    expect(await mat.ask('end')).toBe('done');
    await alice.record({ event: 'session', peer: 'mat', state: 'closed', reason: 'ended' });
  });

  it('who ends it', async () => {
    await startServer();
    const alice = await native('alice');
    const mat = await CClient.up('mat');
    await mat.who();
    await mat.ask('call alice');
    await alice.record({ event: 'session', state: 'opened' });
    alice.say('cs');
    expect(await mat.line()).toBe('ended');
  });

  it('who takes no calls, or has somebody else', async () => {
    await startServer();
    const never = await native('never', '--accept', 'never');
    const alice = await native('alice');
    const mat = await CClient.up('mat');
    const brb = await CClient.up('brb');
    await mat.who();
    await brb.who();
    expect(await mat.ask('call never')).toBe('declined never');
    expect(never.records.some(({ event, state }) => event === 'session' && state === 'opened')).toBe(false);
    expect(await mat.ask('call alice')).toBe('agreed alice');
    await alice.record({ event: 'session', peer: 'mat', state: 'opened' });
    expect(await brb.ask('call alice')).toBe('declined alice');
  });

  it('and breaks off, or breaks the protocol: the other sees that it is gone', async () => {
    await startServer();
    const alice = await native('alice');
    const mat = await CClient.up('mat');
    await mat.who();
    await mat.ask('call alice');
    // A text of -1 bytes.
    mat.say('rawchat 21000000ffffffff');
    await alice.record({ event: 'session', peer: 'mat', state: 'closed', reason: 'PEER_LOST' });
    expect(await mat.line()).toBe('lost');
    const brb = await CClient.up('brb');
    await brb.who();
    await brb.ask('call alice');
    await alice.record({ event: 'session', peer: 'brb', state: 'opened' });
    await brb.program.kill('SIGKILL');
    await alice.record({ event: 'session', peer: 'brb', state: 'closed', reason: 'PEER_LOST' });
  });

  it('and never reads: it is dropped, others feel nothing', async () => {
    await startServer();
    const alice = await native('alice');
    const mat = await CClient.up('mat');
    await mat.who();
    await mat.ask('call alice');
    await mat.ask('deaf');
    const isClosed = (): boolean => alice.lines.some((line) => line.includes('"closed"'));
    for (let said = 1; !isClosed(); said += 1) {
      alice.say(`s ${'x'.repeat(16_000)}`);
      await alice.until(
        () => isClosed() || alice.lines.filter((line) => line.includes('"s"')).length >= said,
        'a result',
      );
    }
    await alice.record({ event: 'session', peer: 'mat', state: 'closed', reason: 'PEER_LOST' });
    await alice.record({ event: 'receipt', to: 'mat', state: 'failed' });
    expect((await (await CClient.up('brb')).who()).has('alice')).toBe(true);
  }, 60_000);
});

withClients('a native user opens a client of the directory', () => {
  it('and they talk until one ends it', async () => {
    await startServer();
    const alice = await native('alice');
    const mat = await CClient.up('mat');
    const aliceAt = (await mat.who()).get('alice') ?? '';
    alice.say('o mat');
    expect(await mat.line()).toBe(`called alice ${aliceAt.replace(':', ' ')}`);
    expect(await alice.record({ command: 'o' })).toMatchObject({ ok: true, data: { peer: 'mat', path: 'gateway' } });
    alice.say('s one\u00a0two');
    expect(await mat.line()).toBe('text one\u00a0two');
    await alice.record({ event: 'receipt', to: 'mat', state: 'delivered' });
    await mat.ask('say fine');
    await alice.record({ event: 'message', from: 'mat', text: 'fine' });
    // No terminal gets what could move it.
    mat.say('rawchat 21000000070000001b5b324a410a00');
    await alice.record({ event: 'message', from: 'mat', text: '?[2JA' });
    await mat.ask('end');
    await alice.record({ event: 'session', peer: 'mat', state: 'closed', reason: 'ended' });
    alice.say('o mat');
    expect(await mat.line()).toContain('called alice');
    await alice.until(() => alice.records.filter(({ state }) => state === 'opened').length === 2, 'a second session');
    alice.say('cs');
    expect(await mat.line()).toBe('ended');
  });

  it('who declines, or is not there any more', async () => {
    await startServer();
    const alice = await native('alice');
    const mat = await CClient.up('mat', 'no');
    alice.say('o mat');
    expect(await mat.line()).toContain('called alice');
    expect(await failure(alice, 'o')).toBe('DECLINED');
    await mat.program.kill('SIGKILL');
    const bob = await native('bob');
    bob.say('o mat');
    expect(await failure(bob, 'o')).toBe('NO_PATH');
  });

  it('who does not answer, and gives up', async () => {
    await startServer();
    const mat = await CClient.up('mat', 'ring');
    const alice = await native('alice');
    alice.say('o mat');
    expect(await mat.line()).toContain('called alice');
    await alice.kill('SIGKILL');
    expect(await mat.line()).toBe('ended');
  });

  it('and the server ends: so does the talk', async () => {
    await startServer();
    const alice = await native('alice');
    const mat = await CClient.up('mat');
    alice.say('o mat');
    expect(await mat.line()).toContain('called alice');
    await alice.record({ command: 'o', ok: true });
    server.say('x');
    expect(await server.ended).toBe(0);
    expect(await mat.line()).toBe('ended');
  });
});

withClients('bytes that mean no good', () => {
  it('end that connection, and others feel nothing', async () => {
    await startServer();
    const mat = await CClient.up('mat');
    const hostile = new CClient();
    for (const hex of [
      '00000000',
      '4d000000',
      'ffffffff',
      `0100000000000000${'61'.repeat(28)}`,
      `0100000000000000611b5b324a${'00'.repeat(23)}`,
      '21000000ffffffff',
      '21000000ffffff7f00',
      '2200000015000000',
    ]) {
      expect(await hostile.ask(`raw ${hex}`)).toBe('closed');
    }
    // Structs cut short end when they are not completed in time.
    const cut = ['01', '0100000000', `0100000000000000${'61'.repeat(24)}`, '0b0000000000'].map(async (hex) =>
      new CClient().ask(`raw ${hex}`),
    );
    expect(await Promise.all(cut)).toEqual(cut.map(() => 'closed'));
    expect([...(await mat.who()).keys()]).toEqual(['mat']);
  });

  it('are not even needed: hundreds who say nothing keep nobody out', async () => {
    await startServer();
    for (let count = 0; count < 600; count += 1) {
      const socket = connect({ host: '127.0.0.1', port });
      socket.on('error', () => undefined);
      sockets.push(socket);
      if (count % 100 === 0) await once(socket, 'connect');
    }
    const mat = await CClient.up('mat');
    expect((await mat.who()).size).toBe(1);
  });
});
