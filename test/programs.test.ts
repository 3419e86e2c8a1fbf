/** The programs as scripts and operators use them: as processes, by pipes, with their exit codes. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { killAll, mains, Program, root } from './programs.js';
import { password, World } from './world.js';

let world: World;
beforeEach(async () => {
  world = new World();
  await world.startServer();
});
afterEach(async () => {
  await killAll();
  await world.close();
});

function mca(home: string, ...options: string[]): Program {
  return new Program(mains.mca, ['--home', join(world.folder, home), '--bind', '127.0.0.1', ...options]);
}

function script(text: string): string {
  const file = join(world.folder, 'script.txt');
  writeFileSync(file, text);
  return file;
}

describe('the smoke test', () => {
  it('passes', async () => {
    const smoke = new Program(join(root, 'scripts/smoke/smoke.mjs'), []);
    expect({ ended: await smoke.ended, lines: smoke.lines }).toEqual({
      ended: 0,
      lines: [
        'ok  accounts and a session, every command right and wrong',
        'ok  calls taken, busy and declined; the server killed, the session unmoved, the accounts kept',
        'ok  a room of four; the server restarted, the rooms kept',
        'ok  a changed key is noticed, trusted, and works',
        'ok  the admin prompt; shutdown',
      ],
    });
  }, 180_000);
});

describe('the demo', () => {
  it('shows the main job', async () => {
    const demo = new Program(join(root, 'scripts/demo.mjs'), []);
    expect(await demo.ended).toBe(0);
    expect(demo.errors).toBe('');
    expect(demo.lines.join('\n')).toContain('the server only introduced them');
    expect(demo.lines.at(-1)).toContain('everybody left; the server is down');
  }, 60_000);
});

describe('the example bot', () => {
  it('answers', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'parley-bot-'));
    // Its library is the one of this checkout; its files go to the current folder.
    const here = process.cwd();
    process.chdir(folder);
    const bot = new Program(join(root, 'examples/echo-bot.mjs'), [world.address, 'echo', password]);
    process.chdir(here);
    const alice = await world.member('alice');
    for (;;) {
      const users = await alice.client.users();
      if (users.some(({ name, online }) => name === 'echo' && online)) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await alice.client.open('echo');
    await alice.client.send('hello bot');
    expect(await alice.next('message')).toMatchObject({ from: 'echo', text: 'you said: hello bot' });
    await alice.client.leave();
    expect(await bot.kill('SIGTERM')).toBe(0);
    rmSync(folder, { recursive: true });
  });
});

describe('mca in a pipe', () => {
  it('runs a command a line, goes on after an error, and leaves at the end of its input', async () => {
    const client = mca('alice', '--json');
    client.say(`c ${world.address}`);
    client.say('nonsense');
    client.say('o nobody');
    client.say(`register alice ${password}`);
    client.child.stdin.end('l');
    expect(await client.ended).toBe(0);
    const results = client.records.filter(({ type }) => type === 'result');
    expect(results.map(({ command, ok }) => [command, ok])).toEqual([
      ['c', true],
      ['nonsense', false],
      ['o', false],
      ['register', true],
      ['l', true],
    ]);
    expect(await (await world.member('bob')).client.connectedUsers()).toEqual([{ name: 'bob', door: 'native' }]);
  });

  it('takes lines of any bytes and reads on', async () => {
    const client = mca('alice', '--json');
    client.child.stdin.write(Buffer.concat([Buffer.from('s '), Buffer.alloc(70_000, 'x'), Buffer.from('\n')]));
    client.child.stdin.write(Buffer.from([0x73, 0x20, 0xff, 0xfe, 0x0a]));
    client.child.stdin.write(Buffer.from('s \u0007\u001b[2J\n'));
    client.child.stdin.write(Buffer.from('\0\0\0\n'));
    client.child.stdin.end('l\n');
    expect(await client.ended).toBe(0);
    const results = client.records as { ok: boolean; error?: { code: string } }[];
    expect(results.map(({ ok }) => ok)).toEqual([false, false, false, false, true]);
    expect(results[0]?.error?.code).toBe('LINE_TOO_LONG');
  });

  it('prints for people without --json, with errors apart and nothing raw', async () => {
    const client = mca('alice');
    client.say('l');
    client.child.stdin.end('no\u001b[2Jnsense\n');
    expect(await client.ended).toBe(0);
    expect(client.lines).toEqual(['not connected']);
    expect(client.errors).toContain('UNKNOWN_COMMAND');
    expect(client.errors).not.toContain('\u001b');
  });

  it('says with its exit code that something sent was not confirmed', async () => {
    const alice = mca('alice', '--json');
    alice.say(`c ${world.address}`);
    alice.say(`register alice ${password}`);
    await alice.record({ command: 'register', ok: true });
    const bob = mca('bob', '--json');
    bob.say(`c ${world.address}`);
    bob.say(`register bob ${password}`);
    await bob.record({ command: 'register', ok: true });
    alice.say('o bob');
    await bob.record({ event: 'session', state: 'opened' });
    await bob.kill('SIGKILL');
    alice.child.stdin.end('s are you there?\n');
    expect(await alice.ended).toBe(6);
    expect(await alice.record({ event: 'receipt', state: 'failed' })).toMatchObject({ to: 'bob' });
  });
});

describe('mca --script', () => {
  it.each([
    ['l\nl\n', 0],
    ['# nothing\n\n! lu\n', 0],
    ['! l\n', 1],
    ['nonsense\nl\n', 1],
    ['c 127.0.0.1:1\n', 3],
    ['wait message 20ms\n', 3],
    ['s hello\n', 1],
  ])('%j ends with %d', async (text, code) => {
    expect(await mca('alice', '--json', '--script', script(text)).ended).toBe(code);
  });

  it('stops at the first failure', async () => {
    const client = mca('alice', '--json', '--script', script('l\ncs\nl\n'));
    expect(await client.ended).toBe(1);
    expect(client.records.map(({ command }) => command)).toEqual(['l', 'cs']);
  });

  it('ends with 4 when the certificate of the server has changed', async () => {
    expect(await mca('alice', '--script', script(`c ${world.address}\n`)).ended).toBe(0);
    await world.stopServer();
    rmSync(join(world.folder, 'server'), { recursive: true });
    await world.startServer();
    const client = mca('alice', '--script', script(`c ${world.address}\n`));
    expect(await client.ended).toBe(4);
    expect(client.errors).toContain('HAS CHANGED');
  });
});

describe('both programs', () => {
  it.each(['msa', 'mca'] as const)('%s tells its version and how it is used', async (name) => {
    const version = new Program(mains[name], ['--version']);
    expect(await version.ended).toBe(0);
    const { version: expected } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(version.lines.join()).toContain(expected);
    const help = new Program(mains[name], ['--help']);
    expect(await help.ended).toBe(0);
    expect(help.lines.join('\n')).toContain('--json');
    const wrong = new Program(mains[name], ['--nonsense']);
    expect(await wrong.ended).toBe(1);
    expect(wrong.errors).toContain('--nonsense');
  });

  it('say what is wrong with where they are to keep their files', async () => {
    const file = join(world.folder, 'file');
    mkdirSync(world.folder, { recursive: true });
    writeFileSync(file, '');
    const client = mca('file/home');
    expect(await client.ended).toBe(1);
    expect(client.errors).toContain('PROFILE_UNUSABLE');
    const server = new Program(mains.msa, ['--port', '0', '--data', join(file, 'data')]);
    expect(await server.ended).toBe(1);
    expect(server.errors).toContain(file);
    const nameless = new Program(mains.msa, ['--port', '0', '--data', '']);
    expect(await nameless.ended).toBe(1);
    expect(nameless.errors).toContain('--data');
  });
});
