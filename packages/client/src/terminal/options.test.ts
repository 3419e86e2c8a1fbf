import { describe, expect, it } from '@jest/globals';
import { parseOptions } from './options.js';

function parse(argv: string[], env: Record<string, string> = { HOME: '/home/u' }) {
  let out = '';
  let err = '';
  const options = parseOptions(argv, {
    env,
    version: '1.2.3',
    writeOut: (text) => {
      out += text;
    },
    writeErr: (text) => {
      err += text;
    },
  });
  return { options, out, err };
}

describe('parseOptions', () => {
  it('has defaults for all', () => {
    expect(parse([]).options).toEqual({
      server: undefined,
      json: false,
      script: undefined,
      home: '/home/u/.local/share/parley/default',
      bind: undefined,
      tls: true,
      accept: 'auto',
      path: 'auto',
      portMapping: true,
      doctor: undefined,
      ascii: false,
    });
  });

  it('reads every option', () => {
    const argv = ['--json', '--script', '-', '--home', '/tmp/h', '--bind', '127.0.0.1', '--no-tls', '--accept', 'ask'];
    const more = ['--ascii', '--path', 'relay-only', '--no-port-mapping'];
    expect(parse([...argv, ...more, 'localhost:7420']).options).toEqual({
      server: 'localhost:7420',
      json: true,
      script: '-',
      home: '/tmp/h',
      bind: '127.0.0.1',
      tls: false,
      accept: 'ask',
      path: 'relay-only',
      portMapping: false,
      doctor: undefined,
      ascii: true,
    });
  });

  it.each([
    [[], { HOME: '/home/u', XDG_DATA_HOME: '/data' }, '/data/parley/default'],
    [['--profile', 'work'], { HOME: '/home/u', XDG_DATA_HOME: '/data' }, '/data/parley/work'],
    [['--profile', 'work'], { HOME: '/home/u', XDG_DATA_HOME: 'relative' }, '/home/u/.local/share/parley/work'],
  ])('%j keeps its files where XDG says', (argv, env, home) => {
    expect(parse(argv, env).options).toMatchObject({ home });
  });

  it.each([
    [['--profile', '../x'], 'A profile is named by'],
    [['--profile', ''], 'A profile is named by'],
    [['--profile', 'a', '--home', '/x'], 'cannot be used with'],
    [['--home', ''], 'It is empty'],
    [['--accept', 'maybe'], 'Allowed choices are auto, ask, never'],
    [['--path', 'direct'], 'Allowed choices are auto, direct-only, relay-only'],
    [['--jsn'], 'Did you mean --json?'],
    [['a', 'b'], 'too many arguments'],
    [['--script'], 'argument missing'],
    [['--server', 'localhost'], '--server and --login are for mca doctor'],
    [['localhost', '--login', 'alice'], '--server and --login are for mca doctor'],
    [['doctor', 'bob', 'carol'], 'too many arguments'],
    [['doctor', '--script', '-'], 'do not go together'],
    [['doctor', '--server', ''], 'It is empty'],
    [['doctor', 'bob'], 'say who you are: --login <name>'],
    [['doctor', 'bob', '--login', 'alice'], 'the password of alice is to be in PARLEY_PASSWORD'],
    [['doctor', '--login', 'alice'], 'the password of alice is to be in PARLEY_PASSWORD'],
  ])('%j is a usage error', (argv, problem) => {
    const { options, out, err } = parse(argv);
    expect(options).toEqual({ exitCode: 1 });
    expect(out).toBe('');
    expect(err).toContain(problem);
  });

  it.each([
    [['doctor'], {}, { server: undefined, doctor: { user: undefined, login: undefined } }],
    [['doctor', '--server', 'chat:7420'], {}, { server: 'chat:7420', doctor: { user: undefined, login: undefined } }],
    [
      ['doctor', 'bob', '--login', 'alice', '--json'],
      { PARLEY_PASSWORD: 'se "cret' },
      { json: true, doctor: { user: 'bob', login: { name: 'alice', password: 'se "cret' } } },
    ],
    // Without a user nobody needs to log in.
    [['doctor'], { PARLEY_PASSWORD: 'secret99' }, { doctor: { user: undefined, login: undefined } }],
  ])('%j asks for a diagnosis', (argv, env, expected) => {
    expect(parse(argv, { HOME: '/home/u', ...env }).options).toMatchObject(expected);
  });

  it('explains itself', () => {
    const { options, out } = parse(['--help']);
    expect(options).toEqual({ exitCode: 0 });
    for (const word of [
      'Usage: mca',
      'Examples:',
      'Exit codes:',
      '--accept',
      '--script',
      'mca doctor',
      '--path',
      '--no-port-mapping',
      'PARLEY_PASSWORD',
      'NO_COLOR',
      '~/.local/share/parley/',
    ]) {
      expect(out).toContain(word);
    }
  });

  it('tells its versions', () => {
    const { options, out } = parse(['--version']);
    expect(options).toEqual({ exitCode: 0 });
    expect(out).toBe('mca 1.2.3 (control protocol 1, --json 1)\n');
  });
});
