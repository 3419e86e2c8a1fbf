/** The real programs as processes, from the files that ship. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

/** The top of the repository, seen from test/dist. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

export const mains = {
  msa: `${root}packages/server/dist/main.js`,
  mca: `${root}packages/client/dist/main.js`,
} as const;

type JsonRecord = Readonly<Record<string, unknown>>;

const running = new Set<Program>();

/** To be called after each test: nothing outlives it. */
export async function killAll(): Promise<void> {
  await Promise.all([...running].map((program) => program.kill('SIGKILL')));
}

export class Program {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** Lines of standard output. */
  readonly lines: string[] = [];
  readonly ended: Promise<number | NodeJS.Signals>;
  errors = '';
  #changed = new Set<() => void>();
  #end: number | NodeJS.Signals | undefined;

  /** @param file a script for Node, or a program of another kind */
  constructor(file: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    const [command, ...first] = /\.m?js$/.test(file) ? [process.execPath, file] : [file];
    this.child = spawn(command, [...first, ...args], { stdio: ['pipe', 'pipe', 'pipe'], env });
    running.add(this);
    this.ended = once(this.child, 'close').then(([code, signal]: (number | NodeJS.Signals)[]) => {
      running.delete(this);
      this.#end = signal ?? code ?? -1;
      this.#wake();
      return this.#end;
    });
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      this.lines.push(line);
      this.#wake();
    });
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text;
      this.#wake();
    });
  }

  /** Standard output as JSON, each line one object. */
  get records(): JsonRecord[] {
    return this.lines.map((line) => JSON.parse(line) as JsonRecord);
  }

  say(line: string): void {
    this.child.stdin.write(`${line}\n`);
  }

  /** The first JSON line with these fields, now or later. */
  async record(fields: JsonRecord): Promise<JsonRecord> {
    let found: JsonRecord | undefined;
    await this.until(() => {
      found = this.records.find((record) => Object.entries(fields).every(([name, value]) => record[name] === value));
      return found !== undefined;
    }, JSON.stringify(fields));
    return found ?? {};
  }

  async until(holds: () => boolean, what: string): Promise<void> {
    const deadline = performance.now() + 20_000;
    while (!holds()) {
      if (this.#end !== undefined || performance.now() > deadline) {
        const state = this.#end === undefined ? 'waited in vain' : `ended with ${String(this.#end)}`;
        throw new Error(`${state} for ${what}\n${this.lines.slice(-8).join('\n')}\n${this.errors.slice(-2000)}`);
      }
      await new Promise<void>((resolve) => {
        this.#changed.add(resolve);
        setTimeout(resolve, 500);
      });
    }
  }

  async kill(signal: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    this.child.kill(signal);
    return this.ended;
  }

  #wake(): void {
    const waiting = this.#changed;
    this.#changed = new Set();
    for (const wake of waiting) wake();
  }
}
