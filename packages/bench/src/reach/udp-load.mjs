// The sender and receiver of the datagrams, a program of its own: udp-load.c, compiled when it is needed.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { pinned } from '../cores.mjs';

const folder = mkdtempSync(join(tmpdir(), 'parley-reach-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
let program;

/** @returns the reason why it cannot be; undefined when it was compiled */
export function compile() {
  const path = join(folder, 'udp-load');
  const source = fileURLToPath(new URL('./udp-load.c', import.meta.url));
  const { status, stderr } = spawnSync('cc', ['-O2', '-Wall', '-o', path, source], { encoding: 'utf8' });
  if (status !== 0) return `udp-load could not be compiled: ${stderr ?? 'there is no cc'}`;
  program = path;
  return undefined;
}

export class UdpLoad {
  #child;
  #lines;
  /** For each pair `{ sender, receiver }`: their ports. */
  pairs = [];

  static async open(pairs) {
    const load = new UdpLoad();
    const [command, args] = pinned('client', [program, String(pairs)]);
    load.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    load.#lines = createInterface({ input: load.#child.stdout })[Symbol.asyncIterator]();
    for (let line = await load.#line(); line !== 'open'; line = await load.#line()) {
      const [sender, receiver] = line.split(' ').map(Number);
      load.pairs.push({ sender, receiver });
    }
    return load;
  }

  /** @returns the datagram that came in answer */
  async ask(side, pair, port, bytes) {
    const [word, hex] = (await this.#say(`ask ${side} ${pair} ${port} ${Buffer.from(bytes).toString('hex')}`)).split(
      ' ',
    );
    if (word !== 'answer') throw new Error('the relay is silent');
    return Buffer.from(hex, 'hex');
  }

  /** @param head what each datagram begins with on its way to the relay */
  async target(pair, port, head) {
    const hex = head.length === 0 ? '-' : Buffer.from(head).toString('hex');
    await this.#say(`target ${pair} ${port} ${hex}`);
  }

  /** So many datagrams under way all the time. */
  window(datagrams, bytes, skip, ms) {
    return this.#run(`window ${datagrams} ${bytes} ${skip} ${ms}`);
  }

  /** So many datagrams a second. */
  rate(perSecond, bytes, skip, ms) {
    return this.#run(`rate ${perSecond} ${bytes} ${skip} ${ms}`);
  }

  close() {
    this.#child.kill('SIGKILL');
  }

  async #run(line) {
    const [, sent, received, ns, p50, p99] = (await this.#say(line)).split(' ').map(Number);
    return {
      sent,
      received,
      perSecond: received / (ns / 1e9),
      lossPercent: (100 * (sent - received)) / sent,
      p50Us: p50 / 1e3,
      p99Us: p99 / 1e3,
    };
  }

  #say(line) {
    this.#child.stdin.write(`${line}\n`);
    return this.#line();
  }

  async #line() {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('udp-load has ended');
    return value;
  }
}
