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
      ascii: false,
    });
  });

  it('reads every option', () => {
    const argv = ['--json', '--script', '-', '--home', '/tmp/h', '--bind', '127.0.0.1', '--no-tls', '--accept', 'ask'];
    expect(parse([...argv, '--ascii', 'localhost:7420']).options).toEqual({
      server: 'localhost:7420',
      json: true,
      script: '-',
      home: '/tmp/h',
      bind: '127.0.0.1',
      tls: false,
      accept: 'ask',
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
    [['--jsn'], 'Did you mean --json?'],
    [['a', 'b'], 'too many arguments'],
    [['--script'], 'argument missing'],
  ])('%j is a usage error', (argv, problem) => {
    const { options, out, err } = parse(argv);
    expect(options).toEqual({ exitCode: 1 });
    expect(out).toBe('');
    expect(err).toContain(problem);
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
