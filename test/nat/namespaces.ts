/**
 * Linux network namespaces, driven with `ip`, `nft` and `sysctl`. Every name begins with `parley-<process id>-`, so that
 * what a run that was killed left behind can be told from what is in use.
 */
import { execFile, spawnSync } from 'node:child_process';

const prefix = 'parley-';
const commandTimeoutMs = 10_000;
const tools = ['ip', 'nft', 'sysctl'];

/** Those of this process that are there; none outlives it. */
const existing = new Set<string>();
let made = 0;

export class NetworkNamespace {
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  /** @param label letters and digits, for people who look with `ip netns` */
  static async create(label: string): Promise<NetworkNamespace> {
    made += 1;
    const name = `${prefix}${String(process.pid)}-${String(made)}-${label}`;
    existing.add(name);
    await run('ip', ['netns', 'add', name]);
    const namespace = new NetworkNamespace(name);
    await namespace.ip('link set lo up');
    return namespace;
  }

  /** Commands of `ip` without the word itself, in this namespace, in order; the first that fails rejects. */
  async ip(...commands: readonly string[]): Promise<void> {
    await run('ip', ['-n', this.name, '-batch', '-'], commands.join('\n'));
  }

  /** Adds a ruleset in nft's own language. */
  async nft(ruleset: string): Promise<void> {
    await this.run('nft', ['-f', '-'], ruleset);
  }

  /** Keys that this kernel does not have are passed over. */
  async sysctl(...settings: readonly string[]): Promise<void> {
    await this.run('sysctl', ['-q', '-e', '-w', ...settings]);
  }

  /** Runs a command in it; gives its standard output. */
  run(program: string, args: readonly string[], input = ''): Promise<string> {
    return run('ip', this.within(program, args), input);
  }

  /** The arguments of `ip` that run a program in it. The process keeps its id: signals reach the program itself. */
  within(program: string, args: readonly string[]): string[] {
    return ['netns', 'exec', this.name, program, ...args];
  }

  /** Packets that each named counter of the table `inet watch` has seen. */
  async counters(): Promise<Readonly<Record<string, number>>> {
    const text = await this.run('nft', ['-j', 'list', 'counters', 'table', 'inet', 'watch']);
    const { nftables } = JSON.parse(text) as { nftables: { counter?: { name: string; packets: number } }[] };
    const counters = nftables.flatMap(({ counter }) => counter ?? []);
    return Object.fromEntries(counters.map(({ name, packets }) => [name, packets]));
  }

  /** Its devices and rules go with it. Processes in it must have ended. */
  async remove(): Promise<void> {
    await run('ip', ['netns', 'delete', this.name]);
    existing.delete(this.name);
  }
}

/** Why there can be no laboratory here, or undefined. */
export async function whatIsMissing(): Promise<string | undefined> {
  if (process.platform !== 'linux') return `network namespaces are Linux's, and this is ${process.platform}`;
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  for (const tool of tools) {
    if (spawnSync(tool, ['--version']).error) return `the program ${tool} is not installed`;
  }
  try {
    const namespace = await NetworkNamespace.create('trial');
    try {
      await namespace.ip('link add lan type bridge', 'link add eth0 type veth peer name eth1');
      await namespace.nft(
        'table ip t { chain c { type nat hook postrouting priority srcnat; masquerade fully-random; }; }',
      );
    } finally {
      await namespace.remove();
    }
  } catch (error) {
    return `a namespace with a bridge and NAT cannot be made: ${(error as Error).message}`;
  }
  return undefined;
}

/** Removes what runs that are no more have left, and the processes in it. */
export async function removeLeftovers(): Promise<void> {
  for (const line of (await run('ip', ['netns', 'list'])).split('\n')) {
    const name = line.split(' ')[0] ?? '';
    const owner = Number(/^parley-(\d+)-/.exec(name)?.[1]);
    if (!owner || isAlive(owner)) continue;
    for (const id of (await run('ip', ['netns', 'pids', name])).split('\n').filter(Boolean)) {
      if (isAlive(Number(id))) process.kill(Number(id), 'SIGKILL');
    }
    await run('ip', ['netns', 'delete', name]);
  }
}

/** For the end of this process, however it comes: what is there still goes at once, with the processes in it. */
export function removeAllNow(): void {
  for (const name of existing) {
    const { stdout } = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' });
    for (const id of stdout.split('\n').filter(Boolean)) {
      if (isAlive(Number(id))) process.kill(Number(id), 'SIGKILL');
    }
    spawnSync('ip', ['netns', 'delete', name]);
  }
  existing.clear();
}

function isAlive(id: number): boolean {
  try {
    return process.kill(id, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

function run(program: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { timeout: commandTimeoutMs }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${program} ${args.join(' ')}: ${stderr || error.message}\n${input}`));
      else resolve(stdout);
    });
    // A program that ends without reading its input is told by its exit code.
    child.stdin?.on('error', () => undefined).end(input);
  });
}
