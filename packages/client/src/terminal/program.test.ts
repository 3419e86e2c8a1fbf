import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, type Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ParleyError } from '@parley/protocol';
import { FakeClient, ManualTimer, settled, Written } from './fake-client.fixture.js';
import { runProgram, type EndSignal, type ProgramPorts } from './program.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mca-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

function start(argv: string[], ports: Partial<ProgramPorts> & { stdout?: Writable } = {}) {
  const client = new FakeClient();
  const stdin = new PassThrough();
  const stdout = new Written();
  const stderr = new Written();
  const timer = new ManualTimer();
  const created: unknown[] = [];
  let signal: (name: EndSignal) => void = () => undefined;
  const exit = runProgram({
    argv: ['--home', directory, ...argv],
    env: {},
    version: '0.0.0',
    ...{ stdin, stdout, stderr, timer },
    createClient: (options) => {
      created.push(options);
      return Promise.resolve(client);
    },
    onSignal: (listener) => {
      signal = listener;
    },
    ...ports,
  });
  const interrupt = (name: EndSignal): void => {
    signal(name);
  };
  return { client, stdin, stdout, stderr, timer, created, exit, signal: interrupt };
}

function script(...lines: string[]): string {
  const file = join(directory, 'demo.txt');
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
  return file;
}

describe('mca doctor', () => {
  const methods = (client: FakeClient): unknown[] => client.calls.map(([method]) => method);

  it('asks a server, tells what it found, and ends without reading anything', async () => {
    const { client, stdout, stderr, exit } = start(['doctor', '--server', 'chat:7420']);
    expect(await exit).toBe(0);
    expect(client.calls).toEqual([['connect', 'chat:7420'], ['diagnose'], ['close']]);
    expect(stdout.lines.slice(-2)).toEqual(['ok  server  it answers', '!   udp     nothing comes back']);
    expect(stderr.text).toBe('');
  });

  it('asks the server that was connected to last', async () => {
    const { client, exit } = start(['doctor']);
    client.lastServer = 'chat:7420';
    expect(await exit).toBe(0);
    expect(client.calls[0]).toEqual(['connect', 'chat:7420']);
  });

  it('needs to know one, and frees the profile when it does not', async () => {
    const { client, stderr, exit } = start(['doctor']);
    expect(await exit).toBe(1);
    expect(stderr.lines).toEqual(['error USAGE: no server is known yet: name one with --server']);
    expect(client.closed).toBe(true);
  });

  it('logs in to look for the way to a user, and shows the password to nobody', async () => {
    const { client, stdout, stderr, exit } = start(['doctor', 'bob', '--login', 'alice', '--server', 'chat'], {
      env: { PARLEY_PASSWORD: 'se "cret\\ 99' },
    });
    expect(await exit).toBe(0);
    expect(client.calls.slice(1, -1)).toEqual([
      ['login', 'alice', 'se "cret\\ 99'],
      ['diagnose', 'bob'],
    ]);
    expect(stdout.lines.slice(-2)).toEqual(['the way to bob:', '  no conversation was begun']);
    expect(stdout.text + stderr.text).not.toContain('cret');
  });

  it.each([
    ['connect', 'SERVER_UNREACHABLE', 3],
    ['login', 'BAD_CREDENTIALS', 1],
    ['diagnose', 'SERVER_LOST', 3],
  ] as const)('ends at the first that fails: %s, %s', async (method, code, exitCode) => {
    const { client, stderr, exit } = start(['doctor', 'bob', '--login', 'alice', '--server', 'chat'], {
      env: { PARLEY_PASSWORD: 'secret99' },
    });
    client.failures.set(method, code);
    expect(await exit).toBe(exitCode);
    expect(methods(client).slice(-2)).toEqual([method, 'close']);
    expect(stderr.text).toContain(code);
    expect(stderr.text).not.toContain('secret99');
  });

  it('gives JSON for programs', async () => {
    const { stdout, exit } = start(['doctor', '--server', 'chat', '--json']);
    expect(await exit).toBe(0);
    expect(stdout.json).toMatchObject([
      { command: 'c', ok: true },
      { command: 'doctor', ok: true, data: { findings: [{ check: 'server' }, { check: 'udp' }], path: null } },
    ]);
  });
});

describe('a pipe', () => {
  it('runs what comes in, and leaves cleanly at the end of input', async () => {
    const { client, stdin, stdout, stderr, exit } = start([]);
    stdin.write('c local');
    stdin.write('host\r\nlu\nnosuch\n');
    stdin.end('l');
    expect(await exit).toBe(0);
    expect(stdout.lines).toEqual([
      'connected to localhost for the first time; its fingerprint, pinned from now on:',
      '  AB:CD',
      'alice  online',
      'bob    online',
      'zoe    offline',
      'not logged in at localhost',
      'key of this device: key of this device',
      'no session or room is open',
    ]);
    expect(stderr.lines).toEqual(['error UNKNOWN_COMMAND: no command is named "nosuch"; help lists the commands']);
    expect(client.closed).toBe(true);
  });

  it('connects first to the server it is given', async () => {
    const { client, created, stdin, exit } = start([
      '--no-tls',
      '--bind',
      '127.0.0.1',
      '--accept',
      'never',
      'localhost',
    ]);
    stdin.end('lu\n');
    expect(await exit).toBe(0);
    expect(client.calls.slice(0, 2)).toEqual([['connect', 'localhost'], ['users']]);
    expect(created).toEqual([
      { home: directory, tls: false, accept: 'never', path: 'auto', portMapping: true, bind: '127.0.0.1' },
    ]);
  });

  it.each([
    ['SERVER_UNREACHABLE' as const, 3],
    ['SERVER_KEY_CHANGED' as const, 4],
    ['USAGE' as const, 1],
  ])('ends when that server cannot be connected: %s exits %d', async (code, exitCode) => {
    const { client, stdin, stdout, exit } = start(['--json', 'localhost']);
    client.failures.set('connect', code);
    stdin.write('lu\n');
    expect(await exit).toBe(exitCode);
    expect(client.calls).toEqual([['connect', 'localhost'], ['close']]);
    expect(stdout.json).toMatchObject([{ command: 'c', ok: false, error: { code } }]);
  });

  it('goes on when a c in its input fails', async () => {
    const { client, stdin, exit } = start([]);
    client.failures.set('connect', 'SERVER_UNREACHABLE');
    stdin.end('c localhost\nlu\n');
    expect(await exit).toBe(0);
    expect(client.calls.map(([method]) => method)).toEqual(['connect', 'users', 'close']);
  });

  it('writes JSON lines and nothing else to standard output', async () => {
    const { client, stdin, stdout, stderr, exit } = start(['--json']);
    stdin.write('LU\n');
    await settled();
    client.notify({ level: 'info', text: 'the key of bob is pinned' });
    client.emit({ event: 'session', peer: 'bob', state: 'incoming' });
    stdin.end('accept\n');
    expect(await exit).toBe(0);
    expect(stdout.json).toMatchObject([
      { type: 'result', command: 'LU', ok: false, error: { code: 'UNKNOWN_COMMAND' } },
      { type: 'event', event: 'session', state: 'incoming' },
      { type: 'result', command: 'accept', ok: true, data: { peer: 'bob', path: 'direct' } },
    ]);
    expect(stderr.lines).toEqual(['the key of bob is pinned']);
  });

  it('shows nothing of others raw', async () => {
    const { client, stdin, stdout, stderr, exit } = start([]);
    await settled();
    client.emit({
      ...{ event: 'message', from: 'bob', room: null, id: 'x', seq: 1, at: 'now' },
      text: 'hi\u001b]0;x\u0007\nroot: \u202eevil\tend',
    });
    client.notify({ level: 'warning', text: 'strange\u009b2J' });
    client.failures.set('users', new ParleyError('INTERNAL', 'server says \u001b[2J\r\n'));
    stdin.end('lu\n');
    await exit;
    expect(stdout.lines).toEqual(['bob: hi\\u{1b}]0;x\\u{7}', '  | root: \\u{202e}evil    end']);
    expect(stderr.lines).toEqual(['warning: strange\\u{9b}2J', 'error INTERNAL: server says \\u{1b}[2J\\u{d}\\u{a}']);
  });

  it('survives endless lines and bad UTF-8', async () => {
    const { stdin, stdout, exit } = start(['--json']);
    stdin.write('s '.padEnd(70_000, 'x'));
    stdin.write('x\n');
    stdin.write(Buffer.from([0x6c, 0xff, 0x0a]));
    stdin.end('cs\n');
    expect(await exit).toBe(0);
    expect(stdout.json).toMatchObject([
      { command: '', error: { code: 'LINE_TOO_LONG' } },
      { command: '', error: { code: 'USAGE' } },
      { command: 'cs', ok: true },
    ]);
  });

  it.each([
    ['was not confirmed', undefined, 6],
    ['was reported failed', 'failed' as const, 6],
    ['was delivered', 'delivered' as const, 0],
  ])('what is sent %s: exit code', async (_name, state, exitCode) => {
    const { client, stdin, exit } = start([]);
    stdin.write('o bob\ns hello\n');
    await settled();
    if (state) client.emit({ event: 'receipt', id: 'id-1', to: 'bob', state });
    stdin.end();
    expect(await exit).toBe(exitCode);
  });

  it('counts receipts that come while it leaves', async () => {
    const { client, stdin, stdout, exit } = start(['--json']);
    client.close = () => {
      client.emit({ event: 'receipt', id: 'id-1', to: 'bob', state: 'delivered' });
      return Promise.resolve();
    };
    stdin.end('o bob\ns hello\n');
    expect(await exit).toBe(0);
    expect(stdout.json.at(-1)).toMatchObject({ event: 'receipt' });
  });

  it.each<[EndSignal, number]>([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ])('%s gives up what rings, leaves, and exits %d', async (name, exitCode) => {
    const { client, stdin, stdout, exit, signal } = start(['--json']);
    client.hanging.add('open');
    stdin.write('o bob\nlu\n');
    await settled();
    signal(name);
    expect(await exit).toBe(exitCode);
    expect(client.closed).toBe(true);
    expect(stdout.json).toMatchObject([{ command: 'o', error: { code: 'ABORTED' } }]);
  });

  it('does not wait for ever for a server that does not let go', async () => {
    const { client, stdin, stderr, timer, exit } = start([]);
    client.close = () => new Promise(() => undefined);
    stdin.end();
    await settled();
    timer.advance(10_000);
    expect(await exit).toBe(0);
    expect(stderr.lines).toEqual(['the server was not left in time']);
  });

  it('ends quietly when nobody reads any more', async () => {
    const stdout = new PassThrough();
    const { client, stdin, stderr, exit } = start(['--json'], { stdout });
    stdin.write('lu\n');
    await settled();
    stdout.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    expect(await exit).toBe(0);
    expect(client.closed).toBe(true);
    expect(stderr.text).toBe('');
  });

  it('says why a profile cannot be used', async () => {
    const { stdout, stderr, exit } = start(['--json'], {
      createClient: () => Promise.reject(new ParleyError('PROFILE_LOCKED', 'process 42 uses this profile')),
    });
    expect(await exit).toBe(1);
    expect(stdout.text).toBe('');
    expect(stderr.lines).toEqual([
      'error PROFILE_LOCKED: process 42 uses this profile (use another profile: --profile NAME)',
    ]);
  });

  it('a terminal that can move no cursor is a pipe too', async () => {
    const stdin = Object.assign(new PassThrough(), { isTTY: true });
    const stdout = Object.assign(new Written(), { isTTY: true });
    const { exit } = start([], { stdin, stdout, env: { TERM: 'dumb' } });
    stdin.end('cs\n');
    expect(await exit).toBe(0);
    expect(stdout.text).toBe('left\n');
  });
});

describe('a script', () => {
  it('stops at the first failure with its exit code, and says where', async () => {
    const file = script('c localhost', '# who is there?', 'lu', 'o bob', 'lr');
    const { client, stderr, exit } = start(['--script', file]);
    client.failures.set('open', 'USER_OFFLINE');
    expect(await exit).toBe(3);
    expect(stderr.lines).toEqual([
      'error USER_OFFLINE: the user is not online (lcu lists who is online)',
      'demo.txt:4: stopped by USER_OFFLINE: the user is not online',
    ]);
    expect(client.calls.map(([method]) => method)).toEqual(['connect', 'users', 'open', 'close']);
  });

  it('counts its own lines, whatever comes first', async () => {
    const { stderr, exit } = start(['--json', '--script', script('nosuch'), 'localhost']);
    expect(await exit).toBe(1);
    expect(stderr.lines[0]).toMatch(/^demo\.txt:1: stopped by UNKNOWN_COMMAND/);
  });

  it.each([
    ['KEY_CHANGED' as const, 4],
    ['RATE_LIMITED' as const, 5],
    ['BAD_CREDENTIALS' as const, 1],
  ])('%s exits %d', async (code, exitCode) => {
    const { client, exit } = start(['--script', script('login alice secret99')]);
    client.failures.set('login', code);
    expect(await exit).toBe(exitCode);
  });

  it('fails when what must fail does not', async () => {
    const { stderr, exit } = start(['--script', script('! cs')]);
    expect(await exit).toBe(1);
    expect(stderr.lines).toEqual(['demo.txt:1: stopped by EXPECTED_FAILURE: a script line marked with ! succeeded']);
  });

  it('reads standard input for -', async () => {
    const { stdin, exit } = start(['--script', '-']);
    stdin.end('! o\ncs\nnosuch\ncs\n');
    expect(await exit).toBe(1);
  });

  it('does not end while a wait is on, and times out on its clock', async () => {
    const { stdout, timer, exit } = start(['--json', '--script', script('wait message 1s')]);
    // The file is read on a thread of its own, so the number of turns until then is not fixed.
    while (timer.nextMs === undefined) await settled();
    timer.advance(1_000);
    expect(await exit).toBe(3);
    expect(stdout.json).toMatchObject([{ command: 'wait', error: { code: 'TIMEOUT' } }]);
  });

  it('exits 6 when all went well but a text was not confirmed', async () => {
    const { exit } = start(['--script', script('o bob', 's hello', 'x')]);
    expect(await exit).toBe(6);
  });

  it('says when there is no such file', async () => {
    const { stderr, exit } = start(['--script', join(directory, 'none.txt')]);
    expect(await exit).toBe(1);
    expect(stderr.lines[0]).toMatch(/^error USAGE: cannot read .*none\.txt: ENOENT/);
  });
});
