import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { jsonVersion, limits, protocolVersion } from '@parley/protocol';
import { logLevels, type LogLevel } from './log.js';
import { defaultOptions } from './options.js';
import { version } from './version.js';

export interface CommandLine {
  readonly host?: string;
  readonly port: number;
  readonly data: string;
  readonly tls: boolean;
  readonly maxClients: number;
  readonly roomSize: number;
  readonly bcryptCost: number;
  readonly json: boolean;
  readonly logLevel: LogLevel;
}

/** `data/` of the repository this file runs from, wherever it is started. */
const defaultData = fileURLToPath(new URL('../../../data', import.meta.url));

const examples = `
Examples:
  $ msa                                  listens on all interfaces, port ${String(defaultOptions.port)}; data in ${defaultData}
  $ msa --host 127.0.0.1 --no-tls        for trying out, or behind a proxy that ends TLS
  $ msa --data /var/lib/parley --max-clients 500
  $ printf 'lu\\nx\\n' | msa --json --port 0   for scripts: one JSON object a line on standard output

At its prompt (or a line each on standard input) the commands of help work. The end of the input does not stop the
server; x, SIGTERM and SIGINT do, within 10 s.

Exit codes:
  0  stopped as asked
  1  yours: a wrong option, a data directory that cannot be used, is in use, or was made by a newer version
  2  ours: a defect, or damaged data
  3  the network's: the port is in use, or the address is not one of this machine`;

/** Prints help, version or what is wrong, and exits (0, 0 or 1), unless the arguments make sense. */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  return new Command('msa')
    .description(
      'The Messenger Server App of Parley: knows who is who and online, and introduces people to each other.',
    )
    .version(
      `msa ${version} (control protocol ${String(protocolVersion)}, --json ${String(jsonVersion)})`,
      '--version',
      'show the versions',
    )
    .helpOption('--help', 'show this help')
    .option('--host <address>', 'where to listen (default: all interfaces)')
    .option('--port <number>', 'TCP and UDP port; 0 picks a free one', integer(0, 65_535), defaultOptions.port)
    .option('--data <directory>', 'where accounts, rooms and keys are kept', named, defaultData)
    .option('--no-tls', 'plain TCP, for loopback or behind a proxy that ends TLS')
    .option('--max-clients <n>', 'connections at once', integer(1, 1_000_000), defaultOptions.maxClients)
    .option(
      '--room-size <n>',
      'members of one room at most',
      integer(1, limits.roomMembersMax),
      defaultOptions.roomMembers,
    )
    .option(
      '--bcrypt-cost <n>',
      'work of password hashing; one more doubles it',
      integer(4, 20),
      defaultOptions.bcryptCost,
    )
    .option('--json', 'one JSON object a line on standard output, all else on standard error', false)
    .addOption(new Option('--log-level <level>', 'what to log').choices(logLevels).default('info'))
    .addHelpText('after', examples)
    .parse(argv)
    .opts<CommandLine>();
}

/** An empty one comes from a variable that is not set, and would mean the current directory. */
function named(text: string): string {
  if (text === '') throw new InvalidArgumentError('It is empty.');
  return text;
}

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It is a whole number from ${String(min)} to ${String(max)}.`);
    }
    return value;
  };
}
