// The smoke test: a real server and four real clients, every command of both, right and wrong, by script and JSON, with
// the server killed in one act and restarted in another. Each act is a folder with a script for each client. In front
// of a line that must fail stands a comment with the code it must fail with.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const packages = join(here, '..', '..', 'packages');
const folder = mkdtempSync(join(tmpdir(), 'parley-smoke-'));
const patienceMs = 90_000;
const running = new Set();

/** A program whose standard output is JSON lines. */
class Program {
  constructor(name, main, args) {
    this.name = name;
    this.records = [];
    this.errors = '';
    this.watchers = new Set();
    this.child = spawn(process.execPath, [main, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    running.add(this);
    this.exited = once(this.child, 'close').then(([code, signal]) => {
      running.delete(this);
      this.ended = signal ?? code;
      for (const watch of this.watchers) watch();
      return this.ended;
    });
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      this.records.push(JSON.parse(line));
      for (const watch of this.watchers) watch();
    });
    this.child.stderr.setEncoding('utf8').on('data', (text) => (this.errors += text));
  }

  /** The first record that fits, now or later. */
  async first(fits, what) {
    const deadline = Date.now() + patienceMs;
    for (;;) {
      const found = this.records.find(fits);
      if (found) return found;
      if (this.ended !== undefined) this.fail(`ended with ${this.ended} before ${what}`);
      if (Date.now() > deadline) this.fail(`waited in vain for ${what}`);
      await new Promise((resolve) => {
        const timer = setTimeout(watch, 1000, resolve);
        const watchers = this.watchers;
        watchers.add(watch);
        function watch() {
          clearTimeout(timer);
          watchers.delete(watch);
          resolve();
        }
      });
    }
  }

  result(command) {
    const fits = (record) => record.type === 'result' && record.command === command && record.ok;
    return this.first(fits, `the result of ${command}`);
  }

  message(text) {
    return this.first((record) => record.event === 'message' && record.text === text, `the message "${text}"`);
  }

  fail(problem) {
    const tail = this.records.slice(-5).map((record) => JSON.stringify(record));
    throw new Error([`${this.name}: ${problem}`, ...tail, this.errors.slice(-2000)].join('\n'));
  }
}

class Server extends Program {
  asked = 0;

  static async start(port) {
    const args = ['--json', '--host', '127.0.0.1', '--port', String(port), '--data', join(folder, 'server')];
    const server = new Server('msa', join(packages, 'server', 'dist', 'main.js'), args);
    const ready = await server.first(({ event }) => event === 'ready', 'ready');
    assert(ready.control.port === ready.udp.port, 'TCP and UDP have the same number');
    assert(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/.test(ready.fingerprint), 'the fingerprint is a SHA-256');
    server.port = ready.control.port;
    return server;
  }

  /** Runs a command at the admin prompt. */
  async ask(line) {
    this.asked += 1;
    this.child.stdin.write(`${line}\n`);
    const { asked } = this;
    await this.first(() => this.results.length >= asked, `an answer to ${line}`);
    return this.results[asked - 1];
  }

  get results() {
    return this.records.filter(({ type }) => type === 'result');
  }
}

class Client extends Program {
  constructor(act, name, port, { home = name, options = [] } = {}) {
    const source = readFileSync(join(here, act, `${name}.txt`), 'utf8').replaceAll('{server}', `127.0.0.1:${port}`);
    const script = join(folder, `${act}-${name}.txt`);
    writeFileSync(script, source);
    const main = join(packages, 'client', 'dist', 'main.js');
    super(`${act}/${name}`, main, [
      '--json',
      '--bind',
      '127.0.0.1',
      '--home',
      join(folder, home),
      '--script',
      script,
      ...options,
    ]);
    this.expected = [...source.matchAll(/^# ([A-Z_]+)\n! /gm)].map(([, code]) => code);
  }

  /** Waits for the end of the script and compares what failed with what had to. */
  async done() {
    const ended = await this.exited;
    if (ended !== 0) this.fail(`ended with ${ended}`);
    const failed = this.records.filter(({ type, ok }) => type === 'result' && !ok).map(({ error }) => error.code);
    if (JSON.stringify(failed) !== JSON.stringify(this.expected)) {
      this.fail(`failed with ${failed.join(' ')}\n  instead of ${this.expected.join(' ')}`);
    }
    const data = (command) =>
      this.records.filter((record) => record.command === command && record.ok).map((record) => record.data);
    return { data };
  }
}

function assert(holds, what) {
  if (!holds) throw new Error(`not so: ${what}`);
}

function same(actual, expected, what) {
  const [is, should] = [JSON.stringify(actual), JSON.stringify(expected)];
  assert(is === should, `${what}\n  is        ${is}\n  should be ${should}`);
}

/** On a machine that is busy the direct path may be found a moment later than is waited for. */
function wayOf({ path }) {
  return path === 'direct' || path === 'relayed' ? 'device to device' : path;
}

async function accounts(server) {
  const act = '1-accounts';
  const alice = new Client(act, 'alice', server.port);
  await alice.result('register');
  const bob = new Client(act, 'bob', server.port);
  await bob.result('o');
  const sessions = await server.ask('ls');
  same(
    sessions.data.sessions.map(({ users }) => users.sort()),
    [['alice', 'bob']],
    'ls at the server',
  );
  const { data } = await bob.done();
  const [opened] = data('o');
  same({ ...opened, path: wayOf(opened) }, { peer: 'alice', path: 'device to device' }, 'o');
  same(data('register'), [{ user: 'bob' }], 'register');
  assert(data('l')[0].conversation.rttMs > 0, 'the round trip is measured');
  const of = (await alice.done()).data;
  same(of('lu')[0], { users: [{ name: 'alice', online: true }] }, 'lu');
  same(of('lcu')[0], { users: [{ name: 'alice', door: 'native' }] }, 'lcu');
  same(of('lr')[0], { rooms: [] }, 'lr');
  same(of('l')[0], { server: null, user: null, conversation: null }, 'l without a server');
  const talking = of('l').find(({ conversation }) => conversation);
  same(
    { ...talking.conversation, path: wayOf(talking.conversation), rttMs: 0 },
    { kind: 'user', name: 'bob', path: 'device to device', rttMs: 0 },
    'l in a session',
  );
  const [during, after, ...policies] = of('path');
  same([during.peer, wayOf(during)], ['bob', 'device to device'], 'path in a session');
  assert(during.pairs.length > 1 && after.verdict.length > 0, 'path tells what was tried, and why it is so');
  same(
    policies.map(({ policy }) => policy),
    ['relay-only', 'relay-only', 'auto', 'auto'],
    'the policies, as set and taken back',
  );
  const [alone, asked] = of('doctor');
  same(alone.findings[0].state, 'problem', 'doctor without a server');
  const states = asked.findings.map(({ check, state }) => `${check} ${state}`);
  assert(
    ['server ok', 'clock ok', 'stun ok', 'relay ok'].every((expected) => states.includes(expected)),
    states.join(),
  );
}

async function calls(server) {
  const act = '2-calls';
  const dave = new Client(act, 'dave', server.port, { options: ['--accept', 'ask'] });
  await dave.result('register');
  const carol = new Client(act, 'carol', server.port);
  await dave.result('accept');
  await Promise.all([new Client(act, 'alice', server.port).done(), new Client(act, 'bob', server.port).done()]);
  server.child.kill('SIGKILL');
  await server.exited;
  await carol.message('just as well');
  const again = await Server.start(server.port);
  await Promise.all([carol.done(), dave.done()]);
  const users = (await again.ask('lu')).data.users;
  same(
    users.map(({ name }) => name),
    ['alice', 'bob', 'carol', 'dave'],
    'the accounts survived the kill',
  );
  return again;
}

async function rooms(server) {
  const act = '3-rooms';
  const alice = new Client(act, 'alice', server.port);
  await alice.result('or');
  const others = ['bob', 'carol', 'dave'].map((name) => new Client(act, name, server.port));
  await Promise.all(others.map((client) => client.message('hello room')));
  same(
    (await server.ask('lru lab')).data,
    { room: 'lab', members: ['alice', 'bob', 'carol', 'dave'] },
    'lru at the server',
  );
  const connected = (await server.ask('connected')).data.users;
  assert(
    connected.length === 4 &&
      connected.every((user) => user.address === '127.0.0.1' && user.port > 0 && Date.parse(user.since)),
    'lcu at the server',
  );
  await Promise.all(others.map((client) => client.message('please restart the server')));
  server.child.kill('SIGTERM');
  same(await server.exited, 0, 'the exit code after SIGTERM');
  const again = await Server.start(server.port);
  const [bob] = await Promise.all([...others, alice].map((client) => client.done()));
  const names = bob.data('lr').map((list) => list.rooms.map(({ name, owner }) => `${name} of ${owner}`));
  same(names, [['den of bob', 'lab of alice'], ['den of bob'], []], 'the rooms, before and after they are closed');
  return again;
}

async function keys(server) {
  const act = '4-keys';
  const bob = new Client(act, 'bob', server.port, { home: 'bob-elsewhere' });
  await bob.result('login');
  const alice = new Client(act, 'alice', server.port);
  await Promise.all([alice.done(), bob.done()]);
}

async function admin(server) {
  const codes = [];
  for (const line of ['nonsense', 'LU', 'lru', 'lru nosuch', 'lu extra', 'help nosuch', `lru ${'x'.repeat(300)}`]) {
    codes.push((await server.ask(line)).error?.code);
  }
  same(
    codes,
    ['UNKNOWN_COMMAND', 'UNKNOWN_COMMAND', 'USAGE', 'UNKNOWN_ROOM', 'USAGE', 'UNKNOWN_COMMAND', 'UNKNOWN_ROOM'],
    'what the admin did wrong',
  );
  for (const line of ['users', 'sessions', 'rooms', 'ls', 'lr', 'lcu', 'help', 'help lru']) {
    assert((await server.ask(line)).ok, `${line} is answered`);
  }
  same((await server.ask('x')).data, {}, 'x');
  same(await server.exited, 0, 'the exit code after x');
}

function step(text) {
  process.stdout.write(`ok  ${text}\n`);
}

try {
  let server = await Server.start(0);
  await accounts(server);
  step('accounts and a session, every command right and wrong');
  server = await calls(server);
  step('calls taken, busy and declined; the server killed, the session unmoved, the accounts kept');
  server = await rooms(server);
  step('a room of four; the server restarted, the rooms kept');
  await keys(server);
  step('a changed key is noticed, trusted, and works');
  await admin(server);
  step('the admin prompt; shutdown');
} catch (error) {
  process.stdout.write(`FAILED ${error.message}\n`);
  process.exitCode = 1;
} finally {
  for (const program of running) program.child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}
