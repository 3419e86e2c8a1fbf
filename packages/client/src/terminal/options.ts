/** The command line of mca. */
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { exitCodes, jsonVersion, protocolVersion } from '@parley/protocol';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { AcceptPolicy, PathPolicy } from '../engine/api.js';

export interface Options {
  /** To connect to at the start, or undefined. */
  readonly server: string | undefined;
  readonly json: boolean;
  /** A file, `-` for standard input, or undefined. */
  readonly script: string | undefined;
  /** The directory that holds all of the client's files. */
  readonly home: string;
  readonly bind: string | undefined;
  readonly tls: boolean;
  readonly accept: AcceptPolicy;
  /** Which ways may be taken to users that have no policy of their own. */
  readonly path: PathPolicy;
  /** Whether the router is asked for a port. */
  readonly portMapping: boolean;
  /** To find out what works, and then to end: `mca doctor`. */
  readonly doctor: DoctorOptions | undefined;
  readonly ascii: boolean;
}

export interface DoctorOptions {
  /** To whom the way is looked for, or undefined. */
  readonly user: string | undefined;
  /** Who asks; needed to look for the way to a user. */
  readonly login: { readonly name: string; readonly password: string } | undefined;
}

export interface OptionPorts {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly writeOut: (text: string) => void;
  readonly writeErr: (text: string) => void;
}

const helpTail = `
Examples:
  mca chat.example.org              connect, then ask who you are
  mca --home /tmp/alice --no-tls localhost:7420
  mca --script morning.txt          run a file of commands; stop at the first failure
  mca doctor                        what of this network and the server works, and what not
  echo 'lu' | mca --json localhost  one JSON object a line, for other programs

Exit codes:
  ${String(exitCodes.done)}  done                          ${String(exitCodes.trust)}  a key is not the one pinned
  ${String(exitCodes.yours)}  wrong usage, name, password   ${String(exitCodes.rate)}  too many requests, try later
  ${String(exitCodes.ours)}  a defect of this program      ${String(exitCodes.undelivered)}  sent, but not confirmed by the other device
  ${String(exitCodes.world)}  server, network or peer       130, 143  ended by SIGINT, SIGTERM

Inside, "help" lists the commands. What is no command goes to the open conversation
at a terminal only; in pipes and scripts, s sends. NO_COLOR and XDG_DATA_HOME are honoured.`;

/**
 * @param argv what follows the program's name
 * @returns the options, or the exit code when all is said: help, version, or a usage error, already written
 */
export function parseOptions(argv: readonly string[], ports: OptionPorts): Options | { readonly exitCode: number } {
  const program = new Command('mca')
    .description('Parley: talk directly, device to device.')
    .argument('[server]', 'host or host:port to connect to at the start; in a pipe, when that fails, all ends')
    .argument('[user]', 'after the word doctor in the place of the server: to whom the way is looked for')
    .option('--json', 'one JSON object a line on standard output, everything else on standard error', false)
    .option('--script <file>', 'run the commands in a file (- is standard input) and stop at the first failure')
    .option(
      '--home <dir>',
      'keep all files of this client in this directory (default: ~/.local/share/parley/<profile>)',
      nonEmpty,
    )
    .addOption(
      new Option('--profile <name>', 'use another set of files (default: default)')
        .argParser(profileName)
        .conflicts('home'),
    )
    .option('--server <server>', 'with doctor: the server to ask (default: the last one)', nonEmpty)
    .option(
      '--login <name>',
      'with doctor and a user: who you are; the password is taken from PARLEY_PASSWORD',
      nonEmpty,
    )
    .addOption(
      new Option('--path <policy>', 'which ways may be taken to others; path sets it for one user')
        .choices(['auto', 'direct-only', 'relay-only'])
        .default('auto'),
    )
    .option('--no-port-mapping', 'do not ask the router for a port (NAT-PMP, UPnP)')
    .option('--bind <address>', 'bind the UDP socket to an address', nonEmpty)
    .option('--no-tls', 'speak with the server without TLS (loopback, or behind a TLS proxy)')
    .addOption(
      new Option('--accept <policy>', 'who calls while you are free is taken, asked about, or declined')
        .choices(['auto', 'ask', 'never'])
        .default('auto'),
    )
    .option('--ascii', 'marks in ASCII only', false)
    .version(
      `mca ${ports.version} (control protocol ${String(protocolVersion)}, --json ${String(jsonVersion)})`,
      '--version',
      'show the versions',
    )
    .helpOption('--help', 'show this help')
    .addHelpText('after', helpTail)
    .allowExcessArguments(false)
    .showHelpAfterError('(mca --help tells more)')
    .configureOutput({ writeOut: ports.writeOut, writeErr: ports.writeErr })
    .exitOverride();
  try {
    program.parse(argv, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return { exitCode: error.exitCode === 0 ? exitCodes.done : exitCodes.yours };
    throw error;
  }
  const given = program.opts<GivenOptions>();
  const [server, user] = program.args;
  const isDoctor = server === 'doctor';
  const problem = misuse(given, user, isDoctor, ports.env);
  if (problem !== undefined) {
    ports.writeErr(`error: ${problem}\n(mca --help tells more)\n`);
    return { exitCode: exitCodes.yours };
  }
  return {
    server: isDoctor ? given.server : server,
    doctor: isDoctor ? { user, login: loginOf(given, ports.env) } : undefined,
    json: given.json,
    script: given.script,
    home: given.home === undefined ? profileHome(given.profile ?? 'default', ports.env) : resolve(given.home),
    bind: given.bind,
    tls: given.tls,
    accept: given.accept,
    path: given.path,
    portMapping: given.portMapping,
    ascii: given.ascii,
  };
}

interface GivenOptions {
  json: boolean;
  script?: string;
  home?: string;
  profile?: string;
  bind?: string;
  tls: boolean;
  accept: AcceptPolicy;
  path: PathPolicy;
  portMapping: boolean;
  server?: string;
  login?: string;
  ascii: boolean;
}

/** What is wrong with what was given together; undefined when nothing is. */
function misuse(
  { server, login, script }: GivenOptions,
  user: string | undefined,
  isDoctor: boolean,
  env: OptionPorts['env'],
): string | undefined {
  if (!isDoctor) {
    if (user !== undefined) return 'too many arguments';
    return server === undefined && login === undefined ? undefined : '--server and --login are for mca doctor';
  }
  if (script !== undefined) return '--script and doctor do not go together';
  if (user !== undefined && login === undefined) {
    return `to look for the way to the user ${user}, say who you are: --login <name>, and the password in PARLEY_PASSWORD; a server is named by --server`;
  }
  if (login !== undefined && env['PARLEY_PASSWORD'] === undefined)
    return `the password of ${login} is to be in PARLEY_PASSWORD`;
  return undefined;
}

function loginOf({ login: name }: { login?: string | undefined }, env: OptionPorts['env']): DoctorOptions['login'] {
  const password = env['PARLEY_PASSWORD'];
  return name === undefined || password === undefined ? undefined : { name, password };
}

/** XDG Base Directory Specification: a path there that is not absolute is to be ignored. */
function profileHome(profile: string, env: OptionPorts['env']): string {
  const xdg = env['XDG_DATA_HOME'];
  const base = xdg !== undefined && isAbsolute(xdg) ? xdg : join(env['HOME'] ?? homedir(), '.local', 'share');
  return join(base, 'parley', profile);
}

/** A profile names a directory, so it can be no path. */
function profileName(value: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/.test(value)) return value;
  throw new InvalidArgumentError('A profile is named by letters, digits, _ and -, 32 at most.');
}

function nonEmpty(value: string): string {
  if (value !== '') return value;
  throw new InvalidArgumentError('It is empty.');
}
