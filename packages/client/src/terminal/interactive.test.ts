import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeClient, ManualTimer, settled, Written } from './fake-client.fixture.js';
import { runProgram } from './program.js';
import { TestTerminal } from './test-terminal.fixture.js';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'mca-'));
});
afterEach(() => {
  rmSync(home, { recursive: true });
});

interface StartOptions {
  readonly argv?: string[];
  readonly loggedIn?: boolean;
  readonly rows?: number;
  readonly env?: Record<string, string>;
}

/** The whole program at a terminal, with the real questions; alice is logged in unless told. */
async function start({ argv = [], loggedIn = true, rows = 24, env = { NO_COLOR: '1' } }: StartOptions = {}) {
  const client = new FakeClient();
  if (loggedIn) client.state = { ...client.state, server: 'localhost:7420', user: 'alice' };
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  const terminal = new TestTerminal(60, rows);
  const timer = new ManualTimer();
  let ended = false;
  const exit = runProgram({
    argv: ['--home', home, '--ascii', ...argv],
    env,
    version: '0.0.0',
    stdin,
    stdout: terminal,
    stderr: new Written(),
    timer,
    createClient: () => Promise.resolve(client),
    onSignal: () => undefined,
  }).finally(() => {
    ended = true;
  });
  const type = async (keys: string): Promise<void> => {
    stdin.write(keys);
    await settled();
  };
  /** Waits until the screen shows something, and gives all rows. */
  const until = async (text: string): Promise<string[]> => {
    for (let i = 0; i < 200; i += 1) {
      const shown = await terminal.shown();
      if (shown.some((line) => line.includes(text))) return shown;
      await settled();
    }
    throw new Error(`not shown: ${text}\n${(await terminal.shown()).join('\n')}`);
  };
  if (loggedIn) await until('help lists the commands');
  return { client, stdin, terminal, timer, exit, type, until, ended: () => ended };
}

const hello = { event: 'message', from: 'bob', room: null, id: 'm1', seq: 1, at: 'now' } as const;

describe('a chat at a terminal', () => {
  it('says what is typed to whom it is open with, and marks what became of it', async () => {
    const { client, terminal, type } = await start();
    await type('o bob\r');
    await type('good morning\r');
    expect((await terminal.shown()).slice(-4)).toEqual([
      'alice> o bob',
      'path: direct',
      '09:05 alice -> good morning',
      'alice@bob>',
    ]);
    await type('half');
    client.emit({ ...hello, text: 'hi there' });
    client.emit({ event: 'receipt', id: 'id-1', to: 'bob', state: 'delivered' });
    expect((await terminal.shown()).slice(-3)).toEqual([
      '09:05 alice ok good morning',
      '09:05 bob: hi there',
      'alice@bob> half',
    ]);
    expect(client.calls.at(-1)).toEqual(['send', 'good morning']);
  });

  it('marks the prompt as long as the server can read what is said', async () => {
    const { client, terminal, type } = await start();
    client.path = 'gateway';
    await type('o zoe\r');
    expect((await terminal.shown()).at(-1)).toBe('alice@zoe [NOT encrypted]>');
    await type('or lobby\r');
    expect((await terminal.shown()).at(-1)).toBe('alice#lobby [NOT encrypted]>');
    client.state = {
      ...client.state,
      conversation: { kind: 'room', name: 'lobby', path: 'direct', rttMs: null, reports: new Map(), keys: null },
    };
    client.emit({ event: 'room', room: 'lobby', state: 'left', user: 'zed' });
    expect((await terminal.shown()).at(-1)).toBe('alice#lobby>');
  });

  it('says clearly what did not arrive', async () => {
    const { client, terminal, type } = await start();
    await type('or lobby\r');
    await type('hello all\r');
    client.emit({ event: 'receipt', id: 'id-1', to: 'bob', state: 'delivered' });
    expect((await terminal.shown()).at(-2)).toBe('09:05 #lobby alice -> hello all');
    client.emit({ event: 'receipt', id: 'id-1', to: 'carol', state: 'failed' });
    expect((await terminal.shown()).slice(-3)).toEqual([
      '09:05 #lobby alice !! hello all',
      '  (not delivered to carol)',
      'alice#lobby>',
    ]);
  });

  it('tells in a line of its own what is too far up to mark', async () => {
    const { client, terminal, type } = await start({ rows: 8 });
    await type('o bob\r');
    await type('good morning\r');
    for (let i = 0; i < 20; i += 1) client.emit({ ...hello, text: `line ${String(i)}` });
    client.emit({ event: 'receipt', id: 'id-1', to: 'bob', state: 'delivered' });
    client.emit({ event: 'receipt', id: 'unknown', to: 'bob', state: 'failed' });
    expect((await terminal.shown()).slice(-3)).toEqual(['ok good morning', '!! not delivered to bob', 'alice@bob>']);
  });

  it('keeps the time and the room of a line that is marked later', async () => {
    const { client, timer, terminal, type } = await start();
    await type('or lobby\r');
    await type('hello all\r');
    timer.advance(61_000);
    client.emit({ ...hello, room: 'lobby', text: 'hi' });
    client.state = { ...client.state, conversation: null };
    for (const to of ['bob', 'carol']) client.emit({ event: 'receipt', id: 'id-1', to, state: 'delivered' });
    expect((await terminal.shown()).slice(-3)).toEqual([
      '09:05 #lobby alice ok hello all',
      '09:06 #lobby bob: hi',
      'alice>',
    ]);
  });

  it('says while a call rings that it does', async () => {
    const { client, timer, terminal, type } = await start();
    client.hanging.add('open');
    await type('o bob\r');
    timer.advance(500);
    expect((await terminal.shown()).slice(-2)).toEqual(['calling bob ... (Ctrl-C takes it back)', 'alice>']);
  });

  it('lets nothing of others move the cursor', async () => {
    const { client, terminal, type } = await start();
    await type('half');
    const before = terminal.raw.length;
    client.emit({ ...hello, text: 'x\u001b[2J\u0007\u202ey\nsecond' });
    await terminal.shown();
    expect(terminal.raw.slice(before)).not.toMatch(/\u001b\[2J|\u0007|\u202e/);
    expect((await terminal.shown()).slice(-3)).toEqual([
      '09:05 bob: x\\u{1b}[2J\\u{7}\\u{202e}y',
      '  | second',
      'alice> half',
    ]);
  });

  it('explains a failure and what to do', async () => {
    const { client, until, type } = await start();
    client.failures.set('open', 'USER_OFFLINE');
    await type('o zoe\r');
    await until('error USER_OFFLINE: the user is not online (lcu lists');
    await type('nobody hears this\r');
    await until('error NO_CONVERSATION: "nobody" is no command');
  });

  it('keeps a history without passwords', async () => {
    const { type, exit } = await start();
    await type('lu\r');
    await type('login alice s3cret99\r');
    await type('\u0004');
    expect(await exit).toBe(0);
    expect(readFileSync(join(home, 'history'), 'utf8')).toBe('lu\n');
  });
});

describe('questions', () => {
  it('at the start lead to a server and an account', async () => {
    const { client, until, type } = await start({ loggedIn: false });
    await until('Server:');
    await type('chat.example\r');
    await until('create an account');
    await type('\r');
    await until('Name:');
    await type('Alice\r');
    await until('a name is 2 to 32');
    await type(`${'\u007f'.repeat(5)}alice\r`);
    await until('Password:');
    await type('s3cret "99\r');
    await until('Password again:');
    await type('s3cret "99\r');
    const shown = await until('the account alice is yours');
    expect(shown.join('\n')).not.toContain('s3cret');
    expect(client.calls).toEqual([
      ['connect', 'chat.example'],
      ['register', 'alice', 's3cret "99'],
    ]);
    await until('alice>');
  });

  it.each(['history', 'pins.json'])('whoever was here before (%s) most likely logs in', async (file) => {
    writeFileSync(join(home, file), '');
    const { client, until, type } = await start({ loggedIn: false });
    await until('Server:');
    await type('\r');
    await until('create an account');
    await type('\r');
    await until('Name:');
    await type('alice\r');
    await until('Password:');
    await type('s3cret99\r');
    await until('logged in as alice');
    expect(client.calls.at(-1)).toEqual(['login', 'alice', 's3cret99']);
  });

  it('Ctrl-C at the start leads to the prompt', async () => {
    const { until, type, ended } = await start({ loggedIn: false });
    await until('Server:');
    await type('\u0003');
    await until('mca>');
    expect(ended()).toBe(false);
  });

  it('o without a name offers who is online', async () => {
    const { client, until, type } = await start();
    await type('o\r');
    await until('Talk with:');
    await type('\r');
    await until('path: direct');
    expect(client.calls.at(-1)).toEqual(['open', 'bob']);
  });

  it('a call is asked about while a line is typed, and the line comes back', async () => {
    const { client, until, type } = await start({ argv: ['--accept', 'ask'] });
    await type('half a li');
    client.emit({ event: 'session', peer: 'bob', state: 'incoming' });
    await until('bob is calling. Talk?');
    await type('y\r');
    await until('path: direct');
    expect(client.calls.at(-1)).toEqual(['accept']);
    expect((await until('half a li')).at(-1)).toBe('alice> half a li');
  });

  it('Enter takes a call, but not the Enter of somebody who was typing', async () => {
    const { client, until, type } = await start({ argv: ['--accept', 'ask'] });
    client.emit({ event: 'session', peer: 'bob', state: 'incoming' });
    await until('(Y/n)');
    await type('\r');
    await until('path: direct');
    expect(client.calls.at(-1)).toEqual(['accept']);
    await type('half a li');
    client.emit({ event: 'session', peer: 'bob', state: 'incoming' });
    await until('(y/N)');
    await type('\r');
    await until('declined the call of bob');
    expect(client.calls.at(-1)).toEqual(['decline']);
  });

  it('whoever is asked about a call through a gateway is told that the server could read along', async () => {
    const { client, terminal, until, type } = await start({ argv: ['--accept', 'ask'] });
    client.path = 'gateway';
    client.emit({ event: 'session', peer: 'zed', state: 'incoming', path: 'gateway' });
    await until('(Y/n)');
    // The question is wrapped in the middle of a word.
    const asked = (await terminal.shown()).join('').replaceAll(' ', '');
    const plainly = 'zed is calling, through a gateway: NOT end-to-end encrypted, the server can read it. Talk?';
    expect(asked).toContain(plainly.replaceAll(' ', ''));
    await type('y\r');
    await until('path: gateway (NOT end-to-end encrypted');
    expect(client.calls.at(-1)).toEqual(['accept']);
  });

  it('a call can be declined', async () => {
    const { client, until, type } = await start({ argv: ['--accept', 'ask'] });
    client.emit({ event: 'session', peer: 'bob', state: 'incoming' });
    await until('bob is calling. Talk?');
    await type('n\r');
    await until('declined the call of bob');
    expect(client.calls.at(-1)).toEqual(['decline']);
  });

  it('the question goes when the caller gives up', async () => {
    const { client, until, type } = await start({ argv: ['--accept', 'ask'] });
    client.emit({ event: 'session', peer: 'bob', state: 'incoming' });
    await until('bob is calling. Talk?');
    client.emit({ event: 'session', peer: 'bob', state: 'closed', reason: 'CANCELLED' });
    await until('the caller gave up');
    await type('lu\r');
    await until('zoe    offline');
    expect(client.calls).toEqual([['users']]);
  });

  it('nobody is asked about calls that are taken anyway', async () => {
    const { client, terminal } = await start();
    client.emit({ event: 'session', peer: 'bob', state: 'incoming' });
    await settled();
    expect((await terminal.shown()).slice(-2)).toEqual(['bob is calling', 'alice>']);
  });
});

describe('a paste', () => {
  const paste = (text: string): string => `\u001b[200~${text}\u001b[201~`;

  it('of one line is put into the line and not sent', async () => {
    const { client, terminal, type } = await start();
    await type(`s ${paste('pasted\r')}!`);
    expect((await terminal.shown()).at(-1)).toBe('alice> s pasted!');
    expect(client.calls).toEqual([]);
  });

  it('of several lines is sent as one message after a yes', async () => {
    const { client, until, type } = await start();
    await type('o bob\r');
    await type(`look: ${paste('one\r\n\ttwo\u0007\rlu\r')}`);
    await until('Send these 3 lines as one message?');
    await type('y\r');
    const shown = await until('  | lu');
    expect(client.calls.at(-1)).toEqual(['send', 'look: one\n\ttwo\nlu']);
    expect(shown.slice(-4)).toEqual(['09:05 alice -> look: one', '  |     two', '  | lu', 'alice@bob>']);
  });

  it('of several lines changes nothing after a no', async () => {
    const { client, until, type } = await start();
    await type(`half${paste('one\rtwo')}`);
    await until('Send these 2 lines');
    await type('n\r');
    const shown = await until('the 2 pasted lines were thrown away');
    expect(shown.at(-1)).toBe('alice> half');
    expect(client.calls).toEqual([]);
  });

  it('that is too long is refused', async () => {
    const { until, type } = await start();
    await type(paste('x'.repeat(70_000)));
    await until('too long to paste');
  });
});

describe('leaving', () => {
  it('Ctrl-C gives up what runs, then clears the line, then leaves at the second time', async () => {
    const { client, terminal, until, type, exit, ended } = await start();
    client.hanging.add('open');
    await type('o bob\r');
    await type('half');
    await type('\u0003');
    await until('given up');
    expect((await terminal.shown()).at(-1)).toBe('alice> half');
    await type('\u0003');
    expect((await terminal.shown()).at(-1)).toBe('alice>');
    await type('\u0003');
    await until('Ctrl-C again leaves');
    await type('lu\r');
    await type('\u0003');
    expect(ended()).toBe(false);
    await type('\u0003');
    expect(await exit).toBe(0);
    expect(client.closed).toBe(true);
  });

  it('the second Ctrl-C must follow within two seconds', async () => {
    const { timer, until, type, exit, ended } = await start();
    await type('\u0003');
    await until('Ctrl-C again leaves');
    timer.advance(2_000);
    await type('\u0003');
    expect(ended()).toBe(false);
    timer.advance(1_999);
    await type('\u0003');
    expect(await exit).toBe(0);
  });

  it('Ctrl-D leaves, and the exit code tells of what did not arrive', async () => {
    const { client, type, exit } = await start();
    await type('o bob\r');
    await type('hello\r');
    await type('\u0004');
    expect(await exit).toBe(6);
    expect(client.closed).toBe(true);
  });

  it('x leaves the terminal as it was', async () => {
    const { stdin, terminal, type, exit } = await start();
    await type('x\r');
    expect(await exit).toBe(0);
    expect(stdin.destroyed).toBe(true);
    expect((await terminal.shown()).at(-1)).toBe('alice> x');
    expect(terminal.raw).toMatch(/\u001b\[\?2004l$/);
  });

  it('a terminal that is gone ends the program', async () => {
    const { client, stdin, exit } = await start();
    stdin.end();
    expect(await exit).toBe(0);
    expect(client.closed).toBe(true);
  });
});

describe('colours', () => {
  it('are used at a terminal: the same for the same key', async () => {
    const { client, terminal } = await start({ env: {} });
    client.emit({ ...hello, text: 'hi' });
    client.emit({ ...hello, text: 'again' });
    await terminal.shown();
    const names = terminal.raw.match(/\u001b\[[0-9;]+mbob\u001b\[0m/g);
    expect(names).toHaveLength(2);
    expect(new Set(names).size).toBe(1);
  });

  it('are not when NO_COLOR says so, neither in questions', async () => {
    const { client, terminal, until, type } = await start();
    client.emit({ ...hello, text: 'hi' });
    await type('o\r');
    await until('Talk with:');
    await type('\r');
    await until('path: direct');
    expect(terminal.raw).not.toMatch(/\u001b\[[0-9;]*m/);
  });

  it('--ascii means all that is drawn', async () => {
    const { terminal, until, type } = await start();
    await type('o\r');
    await until('Talk with:');
    await type('\r');
    await until('path: direct');
    await type('hello\r');
    await terminal.shown();
    expect(terminal.raw).toMatch(/^[\u0000-\u007f]*$/);
  });
});
