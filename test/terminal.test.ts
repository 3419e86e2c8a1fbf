import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mains } from './programs.js';
import { keys, Screen } from './screen.js';
import { password, World } from './world.js';

let world: World;
const screens: Screen[] = [];
beforeEach(async () => {
  world = new World();
  await world.startServer();
});
afterEach(async () => {
  for (const screen of screens.splice(0)) screen.kill();
  await world.close();
});

function start(home: string, options: readonly string[] = [], env: Record<string, string> = {}): Screen {
  const files = ['--home', `${world.folder}/${home}`, '--bind', '127.0.0.1'];
  const screen = new Screen(mains.mca, [...files, ...options], env);
  screens.push(screen);
  return screen;
}

/** Answers the questions at the start, as a new user or one who comes back. */
async function answer(screen: Screen, as: 'new' | 'known'): Promise<void> {
  await screen.shows('create an account');
  // What is likelier stands first.
  screen.type(keys.enter);
  await screen.shows('Name:');
  screen.type(`alice${keys.enter}`);
  await screen.shows('Password:');
  screen.type(`${password}${keys.enter}`);
  if (as === 'new') {
    await screen.shows('Password again:');
    screen.type(`${password}${keys.enter}`);
  }
  await screen.until(() => screen.cursor.line.startsWith('alice>'), 'the prompt');
}

/** A terminal in which alice has registered. */
async function alice(options: readonly string[] = [], env: Record<string, string> = {}): Promise<Screen> {
  const screen = start('alice', [world.address, ...options], env);
  await answer(screen, 'new');
  return screen;
}

describe('mca at a terminal', () => {
  it('keeps the line being typed, and its cursor, when a message comes in', async () => {
    const screen = await alice();
    const bob = await world.member('bob');
    await bob.client.open('alice');
    await screen.shows('alice@bob>');
    screen.type('half a line');
    screen.type(keys.left.repeat(4));
    await screen.until(() => screen.cursor.line.endsWith('half a line'), 'the typed line');
    const before = screen.cursor;
    await bob.say('look out', 'alice');
    await screen.shows('look out');
    await screen.until(() => screen.cursor.line === before.line, 'the line as it was');
    expect(screen.cursor).toEqual(before);
    expect(screen.lines.filter((line) => line.includes('look out'))).toHaveLength(1);
    expect(screen.lines.filter((line) => line.includes('half a line'))).toHaveLength(1);
    // The cursor is where it was for the line's editing, too.
    screen.type('new ');
    screen.type(keys.enter);
    expect(await bob.next('message')).toMatchObject({ text: 'half a new line' });
    await screen.shows('✓');
  });

  it('keeps a line that is longer than the screen is wide', async () => {
    const screen = await alice();
    const bob = await world.member('bob');
    await bob.client.open('alice');
    await screen.shows('alice@bob>');
    const long = 'word '.repeat(40).trim();
    screen.type(long);
    await screen.shows(long);
    for (let n = 0; n < 5; n += 1) await bob.say(`interruption ${String(n)}`, 'alice');
    await screen.shows('interruption 4');
    screen.type(keys.enter);
    expect(await bob.next('message')).toMatchObject({ text: long });
    for (let n = 0; n < 5; n += 1) {
      expect(screen.lines.filter((line) => line.includes(`interruption ${String(n)}`))).toHaveLength(1);
    }
  });

  it('asks a new user for what it needs, the password unseen', async () => {
    const screen = await alice();
    await screen.shows(world.server.fingerprint ?? 'a fingerprint');
    expect(screen.output).not.toContain(password);
    screen.type(keys.ctrlD);
    expect(await screen.ended).toBe(0);
  });

  it('walks the history after a restart, which never holds a password', async () => {
    const first = await alice();
    first.type(`lcu${keys.enter}`);
    await first.until(() => first.lines.filter((line) => line.startsWith('alice>')).length > 1, 'the next prompt');
    first.type(`login alice ${password}${keys.enter}`);
    await first.shows('already logged in');
    first.type(keys.ctrlD);
    expect(await first.ended).toBe(0);
    const second = start('alice', [world.address]);
    await answer(second, 'known');
    second.type(keys.up);
    await second.until(() => second.cursor.line === 'alice> lcu', 'the last command but the login');
    expect(readFileSync(`${world.folder}/alice/history`, 'utf8')).not.toContain(password);
  });

  it('completes commands and users', async () => {
    const screen = await alice();
    await world.member('bob');
    screen.type(`lu${keys.enter}`);
    await screen.shows('bob');
    screen.type(`disc${keys.tab}`);
    await screen.until(() => screen.cursor.line.includes('disconnect'), 'the completed command');
    screen.type(`\u0015o b${keys.tab}`);
    await screen.until(() => screen.cursor.line.includes('o bob'), 'the completed user');
    screen.type(keys.enter);
    await screen.shows('alice@bob>');
  });

  it('shows nothing of others raw', async () => {
    const screen = await alice();
    const bob = await world.member('bob');
    await bob.client.open('alice');
    await screen.shows('alice@bob>');
    // Control characters are refused by honest clients; bidi ones are text.
    await bob.say('safe \u202egnp.exe\u202c end', 'alice');
    await screen.shows('gnp.exe');
    expect(screen.output).not.toContain('\u202e');
    await screen.shows('\\u{202e}');
  });

  it('uses no colour where NO_COLOR asks for none', async () => {
    const screen = await alice([], { NO_COLOR: '1' });
    screen.type(`lu${keys.enter}`);
    await screen.shows('online');
    expect(screen.output).not.toMatch(/\u001b\[[0-9;]*[1-9][0-9;]*m/);
  });

  it('asks before it takes a call with --accept ask, and gives the typed line back', async () => {
    const screen = await alice(['--accept', 'ask']);
    const bob = await world.member('bob');
    screen.type('lr half typed');
    await screen.until(() => screen.cursor.line.endsWith('lr half typed'), 'the typed line');
    const call = bob.client.open('alice');
    await screen.until(() => /bob.*\?/s.test(screen.text) || screen.text.includes('(Y/n)'), 'the question');
    screen.type(`y${keys.enter}`);
    expect(await call).toEqual({ peer: 'alice', path: 'direct' });
    await screen.until(() => screen.cursor.line.includes('alice@bob>'), 'the prompt of the session');
    await screen.until(() => screen.cursor.line.endsWith('lr half typed'), 'the typed line again');
  });

  it('ends by Ctrl-C twice on an empty line', async () => {
    const screen = await alice();
    screen.type(keys.ctrlC);
    await screen.shows('again');
    screen.type(keys.ctrlC);
    expect(await screen.ended).toBe(0);
  });

  it('says which process has the profile', async () => {
    await alice();
    const second = start('alice');
    expect(await second.ended).toBe(1);
    expect(second.text).toContain('is used by process');
  });

  it('refuses a home that is a file', async () => {
    mkdirSync(`${world.folder}/x`);
    writeFileSync(`${world.folder}/x/file`, '');
    const screen = start('x/file');
    expect(await screen.ended).toBe(1);
  });
});

describe('msa at a terminal', () => {
  it('has a prompt with completion and history, which a log line does not disturb, and ends by x', async () => {
    const data = `${world.folder}/other`;
    const screen = new Screen(mains.msa, ['--port', '0', '--host', '127.0.0.1', '--data', data, '--bcrypt-cost', '4']);
    screens.push(screen);
    await screen.until(() => screen.cursor.line.startsWith('msa>'), 'the prompt');
    const port = /port (\d+)/.exec(screen.text)?.[1] ?? '';
    const bob = await world.person('bob');
    await bob.client.connect(`127.0.0.1:${port}`);
    await bob.client.register('bob', password);
    screen.type(`lcu${keys.enter}`);
    await screen.until(() => /bob +native +127\.0\.0\.1/.test(screen.text), 'bob in the list');
    screen.type(`sess${keys.tab}`);
    await screen.until(() => screen.cursor.line.includes('sessions'), 'the completed command');
    screen.type(keys.enter);
    screen.type(`${keys.up}${keys.up}`);
    await screen.until(() => screen.cursor.line === 'msa> lcu', 'the history');
    screen.type(`\u0015x${keys.enter}`);
    expect(await screen.ended).toBe(0);
    expect(screen.lines.at(-1)).toBe('the server has stopped');
    await bob.next('server', { state: 'shutdown' });
  });
});
