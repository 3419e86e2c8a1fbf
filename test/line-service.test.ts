/** The line service of the real `msa`: the real telnet, alone and with native users, and strangers that mean no good. */
import { spawnSync } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { spawn, type IPty } from '@lydell/node-pty';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { killAll, mains, Program } from './programs.js';
import { password, World } from './world.js';

const hasTelnet = spawnSync('telnet', ['--version']).error === undefined;
if (!hasTelnet) process.stderr.write('tests of the line service are skipped: there is no telnet here\n');

const rule = '-'.repeat(28);

let world: World;
let server: Program;
let sockets: Socket[];
let terminals: Terminal[];

beforeEach(async () => {
  // Only its folder is used: the server is a program here.
  world = new World();
  sockets = [];
  terminals = [];
  server = new Program(
    mains.msa,
    ['--json', '--host', '127.0.0.1', '--port', '0', '--data', join(world.folder, 'data')].concat(
      ['--bcrypt-cost', '4'],
      ['--line-port', '0', '--line-max-users', '4'],
    ),
  );
  await server.record({ event: 'ready' });
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  for (const terminal of terminals) terminal.kill();
  await killAll();
  await world.close();
});

function portOf(part: 'control' | 'line'): number {
  const ready = server.records[0] as Record<string, { host: string; port: number }>;
  expect(ready[part]?.host).toBe('127.0.0.1');
  return ready[part]?.port ?? 0;
}

/** What the log has said so far. */
function logged(): string[] {
  return server.errors
    .split('\n')
    .slice(0, -1)
    .map((line) => (JSON.parse(line) as { msg: string }).msg);
}

async function logs(line: string): Promise<void> {
  await server.until(() => logged().includes(line), line);
}

/** A person with telnet and a pipe; what it says of itself comes first. */
class Telnet extends Program {
  #seen = 3;

  constructor() {
    super('telnet', ['127.0.0.1', String(portOf('line'))]);
  }

  static async as(name: string): Promise<Telnet> {
    const telnet = new Telnet();
    telnet.say(`JOIN ${name}`);
    await telnet.hears(`JOIN ${name} Request Accepted`);
    return telnet;
  }

  /** The next lines are these. */
  async hears(...lines: readonly string[]): Promise<void> {
    await this.until(() => this.lines.length >= this.#seen + lines.length, lines.join(' | '));
    expect(this.lines.slice(this.#seen, this.#seen + lines.length)).toEqual(lines);
    this.#seen += lines.length;
  }
}

/** A person with telnet at a terminal, who sees what is typed too. */
class Terminal {
  output = '';
  readonly #pty: IPty;

  constructor() {
    this.#pty = spawn('telnet', ['127.0.0.1', String(portOf('line'))], { cols: 80, rows: 24 });
    this.#pty.onData((text) => (this.output += text));
    terminals.push(this);
  }

  async types(line: string): Promise<void> {
    await this.shows('Escape character');
    this.#pty.write(`${line}\r`);
  }

  async shows(text: string): Promise<void> {
    const deadline = performance.now() + 20_000;
    while (!this.output.includes(text)) {
      if (performance.now() > deadline) throw new Error(`waited in vain for ${text}; the screen:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  kill(): void {
    this.#pty.kill('SIGKILL');
  }
}

/** A native user, registered. */
async function native(name: string): Promise<Program> {
  const client = new Program(mains.mca, ['--json', '--home', join(world.folder, name), '--bind', '127.0.0.1']);
  client.say(`c 127.0.0.1:${String(portOf('control'))}`);
  client.say(`register ${name} ${password}`);
  expect(await client.record({ command: 'register' })).toMatchObject({ ok: true });
  return client;
}

async function stranger(): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: portOf('line') });
  sockets.push(socket);
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
  return socket;
}

(hasTelnet ? describe : describe.skip)('people with telnet', () => {
  it('join, list, talk, and quit; the console tells what its operators know', async () => {
    const mat = await Telnet.as('mat0299');
    const brb = await Telnet.as('brb5678');
    mat.say('LIST');
    await mat.hears('USERNAME FD', rule, 'mat0299 5', 'brb5678 6', rule);
    mat.say('MESG brb5678 text to the end');
    await brb.hears('FROM mat0299: text to the end');
    brb.say('BCST grüße an alle');
    await mat.hears('FROM brb5678: grüße an alle');
    brb.say('MESG asd6789 secret');
    await brb.hears('Unknown Recipient (asd6789). MESG Discarded.');
    brb.say('hello?');
    await brb.hears('Unknown Message. Discarding UNKNOWN Message.');
    brb.say('JOIN other');
    await brb.hears('User Already Registered: Username (brb5678), FD (6)');
    brb.say('QUIT');
    await brb.ended;
    expect(brb.errors).toContain('Connection closed by foreign host');
    const next = new Telnet();
    next.say('LIST');
    await next.hears('Unregistered User. Use "JOIN <username>" to Register.');
    next.say('JOIN mat0299');
    await next.hears('Username Already In Use (mat0299). Choose Another.');
    next.say('JOIN brb5678');
    await next.hears('JOIN brb5678 Request Accepted');
    await next.kill('SIGKILL');
    await server.until(() => server.errors.split('Client (6): Disconnecting User.').length === 3, 'the end of brb5678');
    expect(logged().filter((line) => /\(\w+\)/.test(line))).toEqual([
      'Client (5): Connection Accepted',
      'Client (5): Connection Handler Assigned',
      'Client (5): JOIN mat0299',
      'Client (6): Connection Accepted',
      'Client (6): Connection Handler Assigned',
      'Client (6): JOIN brb5678',
      'Client (5): LIST',
      'Unable to Locate Recipient (asd6789) in Database. Discarding MESG.',
      'Client (6): Unrecognizable Message. Discarding UNKNOWN Message.',
      'Client (6): QUIT',
      'Client (6): Disconnecting User.',
      'Client (6): Connection Accepted',
      'Client (6): Connection Handler Assigned',
      'Client (6): Unable to Locate in Database. Discarding LIST.',
      'Client (6): JOIN mat0299 Refused',
      'Client (6): JOIN brb5678',
      'Client (6): Disconnecting User.',
    ]);
    expect(server.errors).not.toMatch(/secret|text to the end|grüße|hello/);
  });

  it('beyond the last one are told so', async () => {
    for (const name of ['one', 'two', 'three', 'four']) await Telnet.as(name);
    const fifth = new Telnet();
    fifth.say('JOIN five');
    await fifth.hears('Too Many Users. Disconnecting User.');
    await fifth.ended;
    await logs('Client (9): Database Full. Disconnecting User.');
  });

  it('see nothing that their terminal would obey', async () => {
    const brb = new Terminal();
    await brb.types('JOIN brb5678');
    await brb.shows('JOIN brb5678 Request Accepted');
    // Telnet itself would change some of these bytes.
    const mat = await stranger();
    let heard = '';
    mat.setEncoding('utf8').on('data', (text: string) => (heard += text));
    const evil = '\u001b[2J\u001b]0;owned\u0007\u009b31m\u202eb';
    const lines = ['JOIN mat0299', 'MESG brb5678 a', 'BCST b', 'MESG x', '', 'ROOM d'];
    mat.write(lines.map((line, index) => `${line}${index === 0 ? '' : evil}${index === 3 ? ' c' : ''}\n`).join(''));
    const other = await stranger();
    let answered = '';
    other.setEncoding('utf8').on('data', (text: string) => (answered += text));
    other.write(`JOIN e${evil}\n`);
    const shown = '?[2J?]0;owned??31m?b';
    await brb.shows(`FROM mat0299: a${shown}\r\n`);
    await brb.shows(`FROM mat0299: b${shown}\r\n`);
    await server.until(() => heard.includes('ROOM Discarded') && answered.includes('Choose'), 'the answers');
    expect(heard.split('\n')).toEqual([
      'JOIN mat0299 Request Accepted',
      `Unknown Recipient (x${shown}). MESG Discarded.`,
      'Unknown Message. Discarding UNKNOWN Message.',
      `Unknown Room (d${shown}). ROOM Discarded.`,
      '',
    ]);
    expect(answered).toBe(`Invalid Username (e${shown}). Choose Another.\n`);
    await logs(`Client (6): ROOM d${shown}`);
    for (const seen of [brb.output, server.errors]) {
      expect(seen).not.toMatch(/[\u001b\u0007\u009b\u202e]|\\u001b|\\u0007/);
    }
  });
});

(hasTelnet ? describe : describe.skip)('a telnet user and native ones', () => {
  it('talk: MESG opens the session; o and s reach the terminal', async () => {
    const alice = await native('alice');
    const mat = new Terminal();
    await mat.types('JOIN alice');
    await mat.shows('Username Already In Use (alice). Choose Another.');
    await mat.types('JOIN mat0299');
    await mat.shows('JOIN mat0299 Request Accepted');
    alice.say('lcu');
    expect(await alice.record({ command: 'lcu' })).toMatchObject({
      data: {
        users: [
          { name: 'alice', door: 'native' },
          { name: 'mat0299', door: 'line' },
        ],
      },
    });
    server.say('lcu');
    expect(await server.record({ command: 'lcu' })).toMatchObject({
      data: { users: [{ door: 'native' }, { name: 'mat0299', door: 'line', address: '127.0.0.1' }] },
    });
    await mat.types('LIST');
    await mat.shows('alice 0');

    await mat.types('MESG alice hello over there');
    expect(await alice.record({ event: 'session', state: 'opened' })).toMatchObject({
      peer: 'mat0299',
      path: 'gateway',
    });
    expect(await alice.record({ event: 'message' })).toMatchObject({
      from: 'mat0299',
      room: null,
      text: 'hello over there',
      seq: 1,
    });
    alice.say('s hello yourself');
    await mat.shows('FROM alice: hello yourself\r\n');
    expect(await alice.record({ event: 'receipt', to: 'mat0299' })).toMatchObject({ state: 'delivered' });
    alice.say('l');
    expect(await alice.record({ command: 'l' })).toMatchObject({
      data: { conversation: { kind: 'user', name: 'mat0299', path: 'gateway' } },
    });
    alice.say('cs');
    await alice.record({ event: 'session', state: 'closed', reason: 'ended' });

    alice.say('o mat0299');
    expect(await alice.record({ command: 'o' })).toMatchObject({
      ok: true,
      data: { peer: 'mat0299', path: 'gateway' },
    });
    alice.say('s once more');
    await mat.shows('FROM alice: once more\r\n');
    await mat.types('QUIT');
    await alice.until(
      () => alice.records.filter(({ event, state }) => event === 'session' && state === 'closed').length === 2,
      'the end of the second session',
    );
    expect(server.errors).not.toMatch(/hello|once more/);
  });

  it('hear that the other one is busy, declines, is offline, or is nobody', async () => {
    const [alice, bob] = [await native('alice'), await native('bob')];
    bob.say('o alice');
    await bob.record({ command: 'o', ok: true });
    const mat = await Telnet.as('mat0299');
    mat.say('MESG alice hello');
    await mat.hears('BUSY (alice). MESG Discarded.');
    await bob.kill('SIGKILL');
    mat.say('MESG bob hello');
    await mat.hears('Unknown Recipient (bob). MESG Discarded.');
    mat.say('MESG nobody hello');
    await mat.hears('Unknown Recipient (nobody). MESG Discarded.');
    alice.child.stdin.end();
    await alice.ended;
    mat.say('MESG alice hello');
    await mat.hears('Unknown Recipient (alice). MESG Discarded.');
  });

  it('share a room', async () => {
    const alice = await native('alice');
    alice.say('or lobby');
    await alice.record({ command: 'or', ok: true });
    const [mat, brb] = [await Telnet.as('mat0299'), await Telnet.as('brb5678')];
    mat.say('ROOM nowhere');
    await mat.hears('Unknown Room (nowhere). ROOM Discarded.');
    mat.say('ROOM lobby');
    await mat.hears('ROOM lobby Request Accepted');
    await alice.record({ event: 'room', room: 'lobby', state: 'joined', user: 'mat0299' });
    brb.say('ROOM lobby');
    await brb.hears('ROOM lobby Request Accepted');
    await mat.hears('ROOM lobby: brb5678 joined.');
    await alice.record({ event: 'room', room: 'lobby', state: 'joined', user: 'brb5678' });
    alice.say('s welcome');
    await mat.hears('FROM alice@lobby: welcome');
    await brb.hears('FROM alice@lobby: welcome');
    mat.say('MESG lobby thank you');
    await brb.hears('FROM mat0299@lobby: thank you');
    expect(await alice.record({ event: 'message', room: 'lobby' })).toMatchObject({
      from: 'mat0299',
      text: 'thank you',
    });
    brb.say('LEAVE');
    await brb.hears('LEAVE lobby Request Accepted');
    await mat.hears('ROOM lobby: brb5678 left.');
    await alice.record({ event: 'room', room: 'lobby', state: 'left', user: 'brb5678' });
    alice.say('cr lobby');
    await mat.hears('ROOM lobby: closed.');
    mat.say('LEAVE');
    await mat.hears('Not In A Room. LEAVE Discarded.');
  });

  it('hear that the server ends', async () => {
    const mat = await Telnet.as('mat0299');
    expect(await server.kill('SIGTERM')).toBe(0);
    await mat.hears('Server Shutting Down. Disconnecting User.');
    await mat.ended;
  });
});

(hasTelnet ? describe : describe.skip)('strangers at the line service', () => {
  it('who send without an end are told so and closed', async () => {
    const mat = await Telnet.as('mat0299');
    const other = await Telnet.as('brb5678');
    mat.child.stdin.on('error', () => undefined);
    mat.child.stdin.write(Buffer.alloc(1024 * 1024, 'x'));
    await mat.hears('Line Too Long. Disconnecting User.');
    await mat.ended;
    other.say('MESG mat0299 are you there?');
    await other.hears('Unknown Recipient (mat0299). MESG Discarded.');
    await logs('Client (5): Line Too Long. Disconnecting User.');
  });

  it('who say nothing, five thousand of them, do not disturb those who talk', async () => {
    const [mat, brb] = [await Telnet.as('mat0299'), await Telnet.as('brb5678')];
    const alice = await native('alice');
    mat.say('MESG alice hello');
    await alice.record({ event: 'session', state: 'opened' });
    for (let n = 1; n <= 20; n += 1) {
      await Promise.all(Array.from({ length: 250 }, stranger));
      mat.say(`MESG brb5678 number ${String(n)}`);
      await brb.hears(`FROM mat0299: number ${String(n)}`);
      alice.say(`s number ${String(n)}`);
      await mat.hears(`FROM alice: number ${String(n)}`);
    }
    const late = await Telnet.as('latecomer');
    late.say('MESG latecomer here');
    await late.hears('FROM latecomer: here');
    expect(logged().length).toBeLessThan(1_000);
    // The newest of them are still there: as many as it takes beside its users.
    const open = (): number => sockets.filter((socket) => socket.readable).length;
    await server.until(() => open() <= 260, 'the end of the oldest');
    expect(open()).toBeGreaterThan(200);
  }, 60_000);
});
