/** The pair chat of the real `msa`: clients in C, the operator's signals and console, strangers that mean no good. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { compileC } from './c-programs.js';
import { killAll, Program, root } from './programs.js';
import { password, World } from './world.js';

const greeting = "YOU'RE CONNECTED TO : @MAIN SERVER";
const goodBye = 'SERVEUR WILL CLOSE NOW';
const msa = join(root, 'packages/server/bin/msa.js');
const pairClient = compileC('pair-client.c');

let world: World;
let server: Program;
let port: number;
let inspectPort: number;
let sockets: Socket[];

beforeEach(async () => {
  world = new World();
  sockets = [];
  inspectPort = await freePort();
  server = new Program(
    msa,
    ['--json', '--host', '127.0.0.1', '--port', '0', '--data', join(world.folder, 'data')].concat(
      ['--bcrypt-cost', '4'],
      ['--pair-port', '0'],
    ),
    // Where Node's debugger would listen, if a signal woke it.
    { ...process.env, NODE_OPTIONS: `--inspect-port=${String(inspectPort)}` },
  );
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await world.close();
  await killAll();
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port: free } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return free;
}

async function ready(): Promise<void> {
  const { pair } = (await server.record({ event: 'ready' })) as { pair: { host: string; port: number } };
  expect(pair.host).toBe('127.0.0.1');
  ({ port } = pair);
}

/** What the log has said so far. */
function logged(): string[] {
  const lines = server.errors.split('\n').slice(0, -1);
  return lines.map((line) => (line.startsWith('{') ? (JSON.parse(line) as { msg: string }).msg : line));
}

function connections(): number {
  return logged().filter((line) => line.endsWith(' connected')).length;
}

/** Does something that makes clients connect, and waits until the server has them: their order is that of pairs. */
async function arrival<T>(come: () => T, howMany = 1): Promise<T> {
  const before = connections();
  const arrived = come();
  await server.until(() => connections() === before + howMany, 'a connection');
  return arrived;
}

function arrive(how: 'first' | 'second' | 'hasty'): Promise<Program> {
  return arrival(() => new Program(pairClient ?? '', ['127.0.0.1', String(port), how]));
}

function connected(): Promise<Socket> {
  return arrival(() => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => undefined).setEncoding('utf8');
    sockets.push(socket);
    return socket;
  });
}

async function allOf(socket: Socket): Promise<string> {
  let text = '';
  for await (const piece of socket) text += String(piece);
  return text;
}

async function clients(): Promise<Record<string, unknown>[]> {
  const before = server.lines.length;
  server.say('lp');
  await server.until(() => server.lines.length > before, 'the answer to lp');
  const { data } = server.records.at(-1) as { data: { clients: Record<string, unknown>[] } };
  return data.clients;
}

async function expectNoDebugger(): Promise<void> {
  expect(server.errors).not.toContain('Debugger');
  const probe = connect({ host: '127.0.0.1', port: inspectPort });
  const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    probe.on('error', resolve).on('connect', () => {
      resolve(undefined);
    });
  });
  probe.destroy();
  expect(error?.code).toBe('ECONNREFUSED');
}

(pairClient === undefined ? describe.skip : describe)('clients in C', () => {
  beforeEach(ready);

  it('talk in turns until one says exit', async () => {
    const first = await arrive('first');
    const second = await arrive('second');
    first.say('hello, are you there?');
    await second.until(() => second.lines.length === 1, 'the first line');
    second.say('yes');
    await first.until(() => first.lines.length === 2, 'the answer');
    first.say('exit, good night');
    expect(await Promise.all([first.ended, second.ended])).toEqual([0, 0]);
    expect(first.lines).toEqual([greeting, 'yes', 'closed']);
    expect(second.lines).toEqual(['hello, are you there?', 'exit, good night', 'closed']);
  });

  it('are paired in order of arrival: the third waits for the fourth', async () => {
    const first = await arrive('first');
    const second = await arrive('second');
    const third = await arrive('first');
    third.say('anybody?');
    first.say('for the second');
    await second.until(() => second.lines.length === 1, 'the line to the second');
    const fourth = await arrive('second');
    await fourth.until(() => fourth.lines.length === 1, 'the line to the fourth');
    expect([second.lines, fourth.lines]).toEqual([['for the second'], ['anybody?']]);
    fourth.say('exit');
    await third.ended;
    expect(third.lines).toEqual([greeting, 'exit', 'closed']);
    second.say('we go on');
    await first.until(() => first.lines.length === 2, 'the other pair');
    expect(first.lines).toEqual([greeting, 'we go on']);
  });

  it('are told when the other one is lost', async () => {
    const first = await arrive('first');
    const second = await arrive('second');
    first.say('wait for me');
    await second.until(() => second.lines.length === 1, 'the line');
    await second.kill('SIGKILL');
    expect(await first.ended).toBe(0);
    expect(first.lines).toEqual([greeting, 'exit', 'closed']);
  });

  it('lose nothing that they write out of turn', async () => {
    const first = await arrive('first');
    const second = await arrive('hasty');
    const answers = Array.from({ length: 500 }, (_, index) => `answer ${String(index)}`);
    for (const answer of answers) second.say(answer);
    for (const [index, answer] of answers.entries()) {
      first.say(`question ${String(index)}`);
      if (index % 100 !== 0) continue;
      await first.until(() => first.lines.length === index + 2, answer);
    }
    await first.until(() => first.lines.length === 501, 'all answers');
    expect(first.lines).toEqual([greeting, ...answers]);
    await second.until(() => second.lines.length === 500, 'all questions');
    expect(second.lines).toEqual(answers.map((_, index) => `question ${String(index)}`));
  });
});

describe('the operator', () => {
  it('closes the chat with SIGUSR1, which goes on, and counts it with SIGUSR2', async () => {
    await ready();
    const [first, second, third] = [await connected(), await connected(), await connected()];
    server.child.kill('SIGUSR2');
    await server.until(() => logged().includes('NUMBER OF CLIENTS :  ** 3 **'), 'the number');
    server.child.kill('SIGUSR1');
    expect(await Promise.all([first, second, third].map(allOf))).toEqual([
      greeting + goodBye,
      goodBye,
      greeting + goodBye,
    ]);
    await server.until(() => logged().includes(`${goodBye} : ** 3 **`), 'the good-bye in the log');
    server.child.kill('SIGUSR2');
    await server.until(() => logged().includes('NUMBER OF CLIENTS :  ** 0 **'), 'the number');
    const [fourth, fifth] = [await connected(), await connected()];
    fourth.end('hello\n');
    expect(await Promise.all([fourth, fifth].map(allOf))).toEqual([greeting, 'hello\0exit\0']);
    await expectNoDebugger();
    expect(await server.kill('SIGTERM')).toBe(0);
  });

  // Until Node runs our first line, the system itself ends a process at SIGUSR2; nobody can listen earlier.
  (process.platform === 'linux' ? it : it.skip)('does no harm with either while the server starts', async () => {
    const caught = (): boolean => {
      const [, mask = '0'] =
        /SigCgt:\s*(\w+)/.exec(readFileSync(`/proc/${String(server.child.pid)}/status`, 'utf8')) ?? [];
      return (BigInt(`0x${mask}`) & (1n << 11n)) !== 0n;
    };
    while (!caught()) await new Promise((resolve) => setTimeout(resolve, 1));
    while (server.lines.length === 0) {
      server.child.kill('SIGUSR1');
      server.child.kill('SIGUSR2');
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await ready();
    await server.until(() => logged().includes('NUMBER OF CLIENTS :  ** 0 **'), 'the number');
    await server.until(() => logged().includes(`${goodBye} : ** 0 **`), 'the good-bye in the log');
    await expectNoDebugger();
  });

  it('sees with lp who is with whom', async () => {
    await ready();
    expect(await clients()).toEqual([]);
    const [first, second, third] = [await connected(), await connected(), await connected()];
    const at = ({ localPort }: Socket): string => `127.0.0.1:${String(localPort)}`;
    expect(await clients()).toEqual([
      { address: '127.0.0.1', port: first.localPort, state: 'connected', with: at(second) },
      { address: '127.0.0.1', port: second.localPort, state: 'connected', with: at(first) },
      { address: '127.0.0.1', port: third.localPort, state: 'connected', with: null },
    ]);
    const paired = `${at(first)} is paired with ${at(second)}`;
    await server.until(() => logged().includes(paired), paired);
    const [one, other] = [at(first), at(second)];
    first.destroy();
    await allOf(second);
    await server.until(() => logged().some((line) => line.startsWith(`${other} disconnected`)), 'the end');
    expect((await clients()).map((client) => [client['state'], client['with']])).toEqual([
      ['connected', null],
      ['disconnected', other],
      ['disconnected', one],
    ]);
  });
});

describe('strangers', () => {
  it('with bytes of any kind end their own connections, and native users feel nothing', async () => {
    await ready();
    const { control } = (await server.record({ event: 'ready' })) as { control: { port: number } };
    const people = await Promise.all(['anna', 'berta'].map((name) => world.person(name)));
    const [anna, berta] = people as [(typeof people)[0], (typeof people)[0]];
    for (const { name, client } of people) {
      await client.connect(`127.0.0.1:${String(control.port)}`);
      await client.register(name, password);
    }
    await anna.client.open('berta');

    const endless = await connected();
    endless.write('x'.repeat(1024 * 1024));
    expect(await allOf(endless)).toBe(greeting);

    const silent = await arrival(() => {
      const many = Array.from({ length: 100 }, () => connect({ host: '127.0.0.1', port }).resume());
      sockets.push(...many);
      return many;
    }, 100);
    expect(silent).toHaveLength(100);

    const [hostile, victim] = [await connected(), await connected()];
    hostile.write('\u001b]0;title\u0007\u001b[2J\0\u202ebidi\u009b\r\n');
    victim.write('\n');
    for (let index = 0; index < 50; index += 1) hostile.write(randomBytes(100));
    hostile.end('\n');
    const read = await allOf(victim);
    expect(read.startsWith('?]0;title??[2J??bidi?\0')).toBe(true);
    expect(read.slice(read.indexOf('\0'))).not.toMatch(/[\u0001-\u001f\u007f-\u009f\u202e]/);
    expect(server.errors).not.toContain('\u001b');

    await anna.client.send('nothing happened here');
    expect(await berta.next('message')).toMatchObject({ from: 'anna', text: 'nothing happened here' });
    expect(await server.kill('SIGTERM')).toBe(0);
  });
});
