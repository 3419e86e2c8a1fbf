import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { jsonVersion, limits, parseDuration, ParleyError, protocolVersion } from '@parley/protocol';
import type { RelayLimits } from '@parley/rendezvous';
import { logLevels, type LogLevel } from './log.js';
import { defaultOptions, defaultRelayLimits, type StartOptions } from './options.js';
import { version } from './version.js';

export interface CommandLine {
  readonly server: StartOptions;
  readonly json: boolean;
  readonly logLevel: LogLevel;
}

/** As commander gives them. */
interface Flags {
  readonly host?: string;
  readonly port: number;
  readonly data: string;
  readonly tls: boolean;
  readonly announce: boolean;
  readonly relay: boolean;
  readonly relayUserRate: number;
  readonly relayRate: number;
  readonly relayUserQuota: number;
  readonly relayChannels: number;
  readonly maxClients: number;
  readonly roomSize: number;
  readonly bcryptCost: number;
  readonly gatewayHost: string;
  readonly linePort?: number;
  readonly lineMaxUsers: number;
  readonly lineBroadcastAll: boolean;
  readonly peerPort?: number;
  readonly peerMaxUsers: number;
  readonly peerBasePort?: number;
  readonly peerAlive: number;
  readonly peerAllowShutdown: boolean;
  readonly pairPort?: number;
  readonly pairMaxUsers: number;
  readonly json: boolean;
  readonly logLevel: LogLevel;
}

/** The directory's port in the one header that was published, and so its clients' when the port is left to the system. */
const publishedPeerPort = 12_360;

/** `data/` of the repository this file runs from, wherever it is started. */
const defaultData = fileURLToPath(new URL('../../../data', import.meta.url));

const examples = `
Examples:
  $ msa                                  listens on all interfaces, port ${String(defaultOptions.port)}; data in ${defaultData}
  $ msa --host 127.0.0.1 --no-tls        for trying out, or behind a proxy that ends TLS
  $ msa --data /var/lib/parley --max-clients 500
  $ msa --line-port 8700                 lets people with telnet in: telnet localhost 8700, then JOIN <username>
  $ msa --peer-port 12360 --peer-alive 0 for the directory's C clients, those that never send ALIVE too
  $ msa --pair-port 33016 --gateway-host 192.0.2.1
  $ printf 'lu\\nx\\n' | msa --json --port 0   for scripts: one JSON object a line on standard output

The gateways are off unless their port is given, and listen on loopback unless --gateway-host names an address: what
goes through them is not encrypted, and the server can read it. docs/gateways.md shows each in use.
SIGUSR1 closes all connections of the pair chat, SIGUSR2 logs how many there are.

At its prompt (or a line each on standard input) the commands of help work. The end of the input does not stop the
server; x, SIGTERM and SIGINT do, within 10 s.

Exit codes:
  0  stopped as asked
  1  yours: a wrong option, a data directory that cannot be used, is in use, or was made by a newer version
  2  ours: a defect, or damaged data
  3  the network's: the port is in use, or the address is not one of this machine`;

/** Prints help, version or what is wrong, and exits (0, 0 or 1), unless the arguments make sense. */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const { json, logLevel, ...flags } = parseFlags(argv);
  return { server: startOptions(flags), json, logLevel };
}

function startOptions(flags: Omit<Flags, 'json' | 'logLevel'>): StartOptions {
  const { host, port, data, tls, announce, maxClients, roomSize, bcryptCost, gatewayHost } = flags;
  const { linePort, peerPort, pairPort } = flags;
  const basePort = flags.peerBasePort ?? (peerPort === undefined || peerPort === 0 ? publishedPeerPort : peerPort) + 1;
  return {
    ...{ host, port, dataDirectory: data, tls, announce, maxClients, roomMembers: roomSize, bcryptCost, gatewayHost },
    relay: flags.relay ? relayLimits(flags) : null,
    line:
      linePort === undefined
        ? null
        : { port: linePort, maxUsers: flags.lineMaxUsers, broadcastAll: flags.lineBroadcastAll },
    peer:
      peerPort === undefined
        ? null
        : {
            port: peerPort,
            maxUsers: flags.peerMaxUsers,
            basePort,
            aliveMs: flags.peerAlive,
            allowShutdown: flags.peerAllowShutdown,
          },
    pair: pairPort === undefined ? null : { port: pairPort, maxUsers: flags.pairMaxUsers },
  };
}

function relayLimits(flags: Omit<Flags, 'json' | 'logLevel'>): RelayLimits {
  return {
    ...defaultRelayLimits,
    userBytesPerSecond: flags.relayUserRate,
    bytesPerSecond: flags.relayRate,
    userQuotaBytes: flags.relayUserQuota,
    channels: flags.relayChannels,
  };
}

function parseFlags(argv: readonly string[]): Flags {
  const port = integer(0, 65_535);
  const bytes = integer(1, Number.MAX_SAFE_INTEGER);
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
    .option('--no-announce', 'do not tell the LAN (DNS-SD, _parley._tcp) that there is a server')
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
    .option('--no-relay', 'relay nothing between devices that have no direct path')
    .option(
      '--relay-user-rate <bytes>',
      'what one user may send through the relay in a second',
      bytes,
      defaultRelayLimits.userBytesPerSecond,
    )
    .option('--relay-rate <bytes>', 'what all may, together', bytes, defaultRelayLimits.bytesPerSecond)
    .option('--relay-user-quota <bytes>', 'what one user may in a day', bytes, defaultRelayLimits.userQuotaBytes)
    .option(
      '--relay-channels <n>',
      'pairs of devices that may use the relay at once',
      integer(1, 10_000_000),
      defaultRelayLimits.channels,
    )
    .option('--line-port <number>', 'line service for telnet clients (off unless given)', port)
    .option('--line-max-users <n>', 'registered there at once', integer(1, 100_000), 10)
    .option('--line-broadcast-all', 'BCST goes to all who are online, not to the line users alone', false)
    .option('--peer-port <number>', 'peer directory for C clients (off unless given; theirs was 12360)', port)
    .option('--peer-max-users <n>', 'listed there at once', integer(1, 1_000), 10)
    .option('--peer-base-port <number>', 'its clients listen from here on (default: the next port)', integer(1, 65_535))
    .addOption(
      new Option('--peer-alive <time>', 'two of these without ALIVE, and a client is dropped; 0: never')
        .argParser(alive)
        .default(20_000, '20s'),
    )
    .option('--peer-allow-shutdown', 'a MSG_SHUTDOWN from this machine stops the server', false)
    .option('--pair-port <number>', 'pair chat (off unless given; its old port was 33016)', port)
    .option('--pair-max-users <n>', 'connected there at once', integer(2, 100_000), 200)
    .option('--gateway-host <address>', 'where these three listen', named, defaultOptions.gatewayHost)
    .option('--json', 'one JSON object a line on standard output, all else on standard error', false)
    .addOption(new Option('--log-level <level>', 'what to log').choices(logLevels).default('info'))
    .addHelpText('after', examples)
    .parse(argv)
    .opts<Flags>();
}

/** An empty one comes from a variable that is not set, and would mean the current directory. */
function named(text: string): string {
  if (text === '') throw new InvalidArgumentError('It is empty.');
  return text;
}

/** `20s`, or 0 for never. */
function alive(text: string): number {
  if (text === '0') return 0;
  try {
    const ms = parseDuration(text);
    if (ms >= 100) return ms;
  } catch (error) {
    if (!(error instanceof ParleyError)) throw error;
  }
  throw new InvalidArgumentError('It is 0, or a time of at least 100ms, like 20s.');
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
