// Two network namespaces, joined by tun-link: packets between them are delayed, lost and queued as a profile says.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('./tun-link.c', import.meta.url));
const device = 'tun0';
const network = '10.77.0.0/30';
const hosts = { dialer: '10.77.0.1', listener: '10.77.0.2' };
const prefix = 'parley-bench-';
const answerTimeoutMs = 5_000;

/** TCP grows its buffers to this; the default of 4 and 6 MB would hold it back on a fast link. */
const tcpBufferBytes = 16 * 1024 * 1024;

const settings = {
  'net.ipv4.tcp_wmem': `4096 131072 ${tcpBufferBytes}`,
  'net.ipv4.tcp_rmem': `4096 131072 ${tcpBufferBytes}`,
  // Else a connection begins with what an earlier one, perhaps with another congestion control, has learnt.
  'net.ipv4.tcp_no_metrics_save': '1',
};

/**
 * @returns {Promise<{ link: Link } | { reason: string }>} the reason why there can be none here
 */
export async function openLink(folder) {
  if (process.platform !== 'linux') return { reason: 'network namespaces are a thing of Linux' };
  if (process.getuid() !== 0) return { reason: 'network namespaces need root' };
  if (!existsSync('/dev/net/tun')) return { reason: 'there is no /dev/net/tun' };
  if (spawnSync('ip', ['-V']).status !== 0) return { reason: 'there is no `ip` (iproute2)' };
  mkdirSync(folder, { recursive: true });
  const program = join(folder, 'tun-link');
  if (!existsSync(program) || statSync(program).mtimeMs < statSync(source).mtimeMs) {
    const { status, stderr } = spawnSync('cc', ['-O2', '-o', program, source], { encoding: 'utf8' });
    if (status !== 0) return { reason: `tun-link could not be compiled: ${stderr ?? 'there is no cc'}` };
  }
  removeStale();
  const link = new Link();
  try {
    await link.start(program);
  } catch (error) {
    link.close();
    return { reason: error.message };
  }
  return { link };
}

class Link {
  hosts = hosts;
  settings = settings;
  #namespaces = { dialer: `${prefix}${process.pid}-a`, listener: `${prefix}${process.pid}-b` };
  #process;
  /** Lines that nobody has asked for yet, and who waits for one. */
  #answers = [];
  #waiting = [];
  #hasEnded = false;

  async start(program) {
    const { dialer, listener } = this.#namespaces;
    for (const namespace of [dialer, listener]) ip('netns', 'add', namespace);
    this.#process = spawn(program, [dialer, listener, device], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#process.stdin.on('error', () => undefined);
    createInterface({ input: this.#process.stdout }).on('line', (line) => {
      const next = this.#waiting.shift();
      if (next) next.resolve(line);
      else this.#answers.push(line);
    });
    this.#process.on('exit', () => {
      this.#hasEnded = true;
      for (const { reject } of this.#waiting.splice(0)) reject(new Error('tun-link has ended'));
    });
    const line = await this.#nextLine();
    if (line !== 'ready') throw new Error(`tun-link said ${line}`);
    for (const side of ['dialer', 'listener']) {
      const at = this.#namespaces[side];
      for (const [key, value] of Object.entries(settings)) this.#set(at, key, value);
      ip('-n', at, 'link', 'set', 'lo', 'up');
      ip('-n', at, 'address', 'add', hosts[side], 'dev', device);
      // What waits for tun-link in the kernel is in no queue of the profile's: it only must not be dropped there.
      ip('-n', at, 'link', 'set', device, 'mtu', '1500', 'txqueuelen', '10000', 'up');
    }
    this.useCongestionControl('reno');
  }

  /** The arguments of spawn() for a command at one end. */
  at(side, command, args) {
    return ['ip', ['netns', 'exec', this.#namespaces[side], command, ...args]];
  }

  /**
   * For TCP connections made from now on, at both ends. It is a property of the route: as a setting of a namespace the
   * kernel would take only those that it lets everybody use.
   */
  useCongestionControl(name) {
    for (const side of ['dialer', 'listener']) {
      const route = [network, 'dev', device, 'src', hosts[side], 'congctl', name];
      ip('-n', this.#namespaces[side], 'route', 'replace', ...route);
    }
  }

  /** @param profile one-way delay in ms, loss 0 to 1, rate in bit/s and queue in bytes; what is left out is none */
  async shape({ delayMs = 0, loss = 0, rateBps = 0, queueBytes = 0 }, seed) {
    const numbers = [delayMs * 1_000, loss * 1e6, rateBps, queueBytes, seed].map(Math.round);
    await this.#ask(`set ${numbers.join(' ')}`, 'ok');
  }

  /** What became of the packets since `shape`; the first direction is the dialer's. */
  async stats() {
    return JSON.parse(await this.#ask('stats'));
  }

  close() {
    this.#process?.kill('SIGKILL');
    for (const namespace of Object.values(this.#namespaces)) spawnSync('ip', ['netns', 'delete', namespace]);
  }

  async #ask(line, expected) {
    this.#process.stdin.write(`${line}\n`);
    const answer = await this.#nextLine();
    if (expected !== undefined && answer !== expected) throw new Error(`tun-link said ${answer}`);
    return answer;
  }

  #nextLine() {
    const said = this.#answers.shift();
    if (said !== undefined) return Promise.resolve(said);
    if (this.#hasEnded) return Promise.reject(new Error('tun-link has ended'));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('tun-link does not answer')), answerTimeoutMs);
      const settled = (settle) => (value) => {
        clearTimeout(timer);
        settle(value);
      };
      this.#waiting.push({ resolve: settled(resolve), reject: settled(reject) });
    });
  }

  #set(namespace, key, value) {
    const [command, args] = ['ip', ['netns', 'exec', namespace, 'sysctl', '-qw', `${key}=${value}`]];
    const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${key} cannot be set to ${value}: ${stderr.trim()}`);
  }
}

function ip(...args) {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr.trim()}`);
}

/** Of runs that were killed before they could tidy up. */
function removeStale() {
  const { stdout } = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' });
  for (const [, name, pid] of stdout.matchAll(/^(parley-bench-(\d+)-[ab])\b/gm)) {
    if (!existsSync(`/proc/${pid}`)) spawnSync('ip', ['netns', 'delete', name]);
  }
}
