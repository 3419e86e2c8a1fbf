import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { deviceKey, RawClient } from './raw-client.fixture.js';

const program = fileURLToPath(new URL('../bin/msa.js', import.meta.url));

let directory: string;
let processes: Msa[];
let closers: (() => void)[];

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'parley-msa-')), 'data');
  processes = [];
  closers = [];
});

afterEach(async () => {
  for (const close of closers) close();
  for (const msa of processes) msa.child.kill('SIGKILL');
  await Promise.all(processes.map(({ exited }) => exited));
  rmSync(join(directory, '..'), { recursive: true });
});

/** The real program, as a process. */
class Msa {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly exited: Promise<number | null>;
  errors = '';
  readonly #lines: AsyncIterator<string>;

  /** @param first the first argument, or a module to run before the program. */
  constructor(first?: string | { readonly preload: string }, ...rest: string[]) {
    const preload =
      typeof first === 'object' ? `--import=data:text/javascript,${encodeURIComponent(first.preload)}` : '';
    const args = typeof first === 'string' ? [first, ...rest] : rest;
    this.child = spawn(process.execPath, [program, '--bcrypt-cost', '4', '--data', directory, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: preload },
    });
    this.child.stdin.on('error', () => undefined);
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (this.errors += text));
    this.exited = once(this.child, 'close').then(([code]) => code as number | null);
    this.#lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
    processes.push(this);
  }

  async line(): Promise<string> {
    const next = await this.#lines.next();
    if (next.done) throw new Error(`no more output; on standard error: ${this.errors}`);
    return next.value;
  }

  async object(): Promise<Record<string, unknown>> {
    return JSON.parse(await this.line()) as Record<string, unknown>;
  }

  async ready(): Promise<number> {
    const { control } = (await this.object()) as { control: { port: number } };
    return control.port;
  }

  type(text: string): void {
    this.child.stdin.write(text);
  }
}

const local = ['--host', '127.0.0.1', '--port', '0', '--json'];

describe('msa', () => {
  it('says where it is, runs commands a line each and stops as told', async () => {
    const msa = new Msa(...local);
    expect(await msa.object()).toEqual({
      type: 'event',
      event: 'ready',
      control: { host: '127.0.0.1', port: expect.any(Number) },
      udp: { host: '127.0.0.1', port: expect.any(Number) },
      fingerprint: expect.stringMatching(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/),
      line: null,
      peer: null,
      pair: null,
    });
    msa.type('lu\n\n/lru nowhere\nwhat\u001b[2J now\nx\nlu\n');
    expect(await msa.object()).toEqual({ type: 'result', command: 'lu', ok: true, data: { users: [] } });
    expect(await msa.object()).toEqual({
      type: 'result',
      command: 'lru',
      ok: false,
      error: { code: 'UNKNOWN_ROOM', message: 'no room has this name' },
    });
    expect(await msa.object()).toMatchObject({ command: 'what\\u{1b}[2J', ok: false });
    expect(await msa.object()).toEqual({ type: 'result', command: 'x', ok: true, data: {} });
    expect(await msa.exited).toBe(0);
  });

  it('relays unless told not to, and says so in its log', async () => {
    for (const [flags, relays] of [
      [
        ['--relay-user-rate', '1000', '--relay-rate', '2000', '--relay-user-quota', '3000', '--relay-channels', '4'],
        true,
      ],
      [['--no-relay'], false],
    ] as const) {
      const msa = new Msa(...local, '--no-tls', ...flags);
      const client = await RawClient.open(await msa.ready());
      expect(await client.call('server.hello', { protocol: 1, agent: 'test' })).toMatchObject({ relays });
      client.socket.destroy();
      msa.type('x\n');
      await msa.exited;
      expect(msa.errors).toContain(`"relays":${String(relays)}`);
    }
  });

  it('goes on when its input ends', async () => {
    const msa = new Msa(...local, '--no-tls');
    const port = await msa.ready();
    msa.type('lu\n');
    msa.child.stdin.end();
    await msa.object();
    const client = await RawClient.open(port);
    expect(await client.call('server.ping')).toEqual({});
    client.socket.destroy();
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('tells its clients and exits with 0 at %s', async (signal) => {
    const msa = new Msa(...local, '--no-tls');
    const client = await RawClient.open(await msa.ready());
    await client.call('server.ping');
    msa.child.kill(signal);
    await client.event('server.shutdown');
    await client.closed;
    expect(await msa.exited).toBe(0);
  });

  it('tells its clients at once, and stops in time, beside old clients that never close', async () => {
    const msa = new Msa(...local, '--no-tls', '--line-port', '0', '--peer-port', '0', '--pair-port', '0');
    const doors = (await msa.object()) as Record<'control' | 'line' | 'peer' | 'pair', { port: number }>;
    const up = Buffer.alloc(36);
    up.writeInt32LE(1, 0);
    up.write('brb5678', 8);
    const old = await Promise.all(
      [
        [doors.line, 'JOIN mat0299\n'] as const,
        [doors.peer, up] as const,
        // Greeted by itself.
        [doors.pair, ''] as const,
      ].map(async ([{ port }, hello]) => {
        const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
        closers.push(() => socket.destroy());
        socket.on('error', () => undefined);
        socket.write(hello);
        await once(socket, 'data');
        return { socket, ended: once(socket.resume(), 'end') };
      }),
    );
    const client = await RawClient.open(doors.control.port);
    await client.call('server.ping');
    msa.child.kill('SIGTERM');
    await client.event('server.shutdown');
    await Promise.all(old.map(({ ended }) => ended));
    // None of the old ones has been cut off for that: they have a while to read their last words.
    for (const { socket } of old) socket.write('still here\n');
    for (let turns = 0; turns < 20; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(old.map(({ socket }) => socket.destroyed)).toEqual([false, false, false]);
    await client.closed;
    expect(await msa.exited).toBe(0);
  });

  it('exits with 2 and says so when a stop hangs', async () => {
    // Threads that do not end, and a bound that a test can wait for.
    const hanging = `
      import { Worker } from 'node:worker_threads';
      Worker.prototype.terminate = () => new Promise(() => {});
      const { setTimeout } = globalThis;
      globalThis.setTimeout = (action, ms, ...rest) => setTimeout(action, ms === 9_000 ? 50 : ms, ...rest);`;
    const msa = new Msa({ preload: hanging }, ...local, '--no-tls');
    const client = await RawClient.open(await msa.ready());
    await client.register('anna');
    msa.child.kill('SIGTERM');
    expect(await msa.exited).toBe(2);
    expect(msa.errors).toContain('the server did not stop in time');
  });

  it('has kept, after kill -9, all that it acknowledged', async () => {
    const msa = new Msa(...local, '--no-tls');
    const client = await RawClient.open(await msa.ready());
    await client.register('anna');
    await client.call('room.enter', { room: 'lobby' });
    msa.child.kill('SIGKILL');
    await msa.exited;
    const again = new Msa(...local, '--no-tls');
    const back = await RawClient.open(await again.ready());
    await back.call('account.login', { name: 'anna', password: 'password of anna', deviceKey });
    expect(await back.call('room.list')).toEqual({
      rooms: [{ name: 'lobby', owner: 'anna', members: 0 }],
      next: null,
    });
    back.socket.destroy();
  });

  it('speaks to people in words', async () => {
    const msa = new Msa('--host', '127.0.0.1', '--port', '0');
    expect(await msa.line()).toMatch(/^msa \d+\.\d+\.\d+ listens on 127\.0\.0\.1 port \d+, TCP and UDP$/);
    expect(await msa.line()).toMatch(/^certificate SHA-256 [0-9A-F:]+$/);
    msa.type('lr\nlu extra\nx\n');
    expect(await msa.line()).toBe('no rooms');
    expect(await msa.line()).toBe('the server has stopped');
    expect(await msa.exited).toBe(0);
    expect(msa.errors).toContain('lu: "extra" is too much; usage: lu\n');
  });

  it('logs no password, token or key', async () => {
    const msa = new Msa(...local, '--no-tls', '--log-level', 'debug');
    const client = await RawClient.open(await msa.ready());
    const { resumeToken } = await client.register('anna', 'canary-password');
    const wrong = { name: 'canary-name', password: 'canary-password', deviceKey };
    await client.call('account.logout');
    await expect(client.call('account.login', wrong)).rejects.toThrow();
    client.send('{"canary');
    client.socket.destroy();
    msa.type('x\n');
    expect(await msa.exited).toBe(0);
    expect(msa.errors).toContain('stopped');
    for (const secret of ['canary', resumeToken, deviceKey]) expect(msa.errors).not.toContain(secret);
  });
});

describe('msa does not start', () => {
  async function failure(...args: string[]): Promise<{ code: number | null; message: string }> {
    const msa = new Msa(...args);
    const code = await msa.exited;
    await expect(msa.line()).rejects.toThrow('no more output');
    const lines = msa.errors.trimEnd().split('\n');
    expect(lines).toHaveLength(1);
    return { code, message: lines[0] ?? '' };
  }

  it.each([
    [['--port', '70000'], /from 0 to 65535/],
    [['--port', 'http'], /from 0 to 65535/],
    [['--max-clients', '0'], /from 1 to/],
    [['--relay-user-rate', '0'], /from 1 to/],
    [['--log-level', 'loud'], /Allowed choices/],
    [['extra'], /too many arguments/],
  ])('with wrong arguments: %j', async (args, message) => {
    expect(await failure(...args)).toEqual({ code: 1, message: expect.stringMatching(message) });
  });

  it('with an unknown option', async () => {
    const msa = new Msa('--pot', '1');
    expect(await msa.exited).toBe(1);
    expect(msa.errors).toMatch(/unknown option '--pot'/);
  });

  it('on a port in use', async () => {
    const other = createServer().listen({ host: '127.0.0.1', port: 0 });
    closers.push(() => other.close());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    expect(await failure('--host', '127.0.0.1', '--port', String(port), '--json')).toEqual({
      code: 3,
      message: expect.stringContaining(`TCP port ${String(port)} of 127.0.0.1 is in use; stop what uses it`),
    });
  });

  it.each(['line', 'peer', 'pair'])('on a port of a gateway in use: %s', async (name) => {
    const other = createServer().listen({ host: '127.0.0.1', port: 0 });
    closers.push(() => other.close());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    expect(await failure(...local, `--${name}-port`, String(port))).toEqual({
      code: 3,
      message: expect.stringContaining(`is in use; stop what uses it, or choose another with --${name}-port (`),
    });
  });

  it('in a directory in use', async () => {
    const first = new Msa(...local);
    await first.ready();
    expect(await failure(...local)).toEqual({ code: 1, message: expect.stringContaining('another running server') });
  });

  it('where it cannot write', async () => {
    writeFileSync(directory, 'a file');
    expect(await failure(...local)).toEqual({ code: 1, message: expect.stringContaining('cannot make the directory') });
  });

  it('with a damaged database', async () => {
    const first = new Msa(...local);
    await first.ready();
    first.type('x\n');
    await first.exited;
    writeFileSync(join(directory, 'parley.db'), 'no database any more'.repeat(1_000));
    expect(await failure(...local)).toEqual({ code: 2, message: expect.stringContaining('is damaged') });
  });
});
