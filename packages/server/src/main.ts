/** The program `msa`. */
import { exitCodes, ParleyError } from '@parley/protocol';
import { jsonLine, printable } from '@parley/text';
import { AdminPrompt } from './admin/admin-prompt.js';
import type { AdminResult } from './admin/admin-console.js';
import { readLines } from './admin/read-lines.js';
import { resultText } from './admin/print-result.js';
import { endsWithin } from './bounded-wait.js';
import { parseCommandLine, type CommandLine } from './command-line.js';
import { startServer, type RunningServer } from './compose.js';
import { pairSignals } from './pair-signals.js';
import { StartFailure } from './start-failure.js';
import { streamLog, terminalLog, type OpenLog } from './terminal-log.js';
import { version } from './version.js';

/** Every step of a stop is bounded; one that hangs all the same is a defect, and ends so. */
const stopBoundMs = 9_000;

class Program {
  readonly #settings: CommandLine;
  readonly #atTerminal: boolean;
  #prompt: AdminPrompt | undefined;
  #log: OpenLog | undefined;
  #ending = false;

  constructor(settings: CommandLine) {
    this.#settings = settings;
    this.#atTerminal = process.stdin.isTTY && process.stdout.isTTY && !settings.json;
  }

  async run(): Promise<void> {
    const { logLevel } = this.#settings;
    // Whoever read our output may be gone; the server goes on.
    process.stdout.on('error', () => undefined);
    process.stderr.on('error', () => undefined);
    this.#log = process.stderr.isTTY
      ? await terminalLog(logLevel, (text) => {
          this.#printLog(text);
        })
      : streamLog(logLevel);
    const server = await startServer({ ...this.#settings.server, log: this.#log.log });
    void server.stopped.then(() => this.#stop(server));
    pairSignals.connect({
      closeAll: () => {
        server.closePairs();
      },
      sayCount: () => {
        server.countPairs();
      },
    });
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.on(signal, () => {
        void this.#stop(server);
      });
    }
    this.#sayReady(server);
    if (this.#atTerminal) this.#openPrompt(server);
    else await this.#readPipe(server);
  }

  async fail(error: unknown): Promise<never> {
    const known = error instanceof StartFailure;
    const reason = error instanceof Error ? error.message : String(error);
    if (!known) this.#log?.log.fatal({ err: error }, 'a defect');
    await this.#log?.flush();
    process.stderr.write(`msa: ${printable(reason)}${known ? `; ${error.advice}` : ' (a defect of this program)'}\n`);
    return this.#exit(known ? error.exitCode : exitCodes.ours);
  }

  #sayReady({ control, udp, fingerprint, line, peer, pair }: RunningServer): void {
    if (this.#settings.json) {
      this.#printLine(JSON.stringify({ type: 'event', event: 'ready', control, udp, fingerprint, line, peer, pair }));
      return;
    }
    this.#printLine(`msa ${version} listens on ${control.host} port ${String(control.port)}, TCP and UDP`);
    this.#printLine(fingerprint ? `certificate SHA-256 ${fingerprint}` : 'without TLS: for loopback or behind a proxy');
    for (const [name, at] of Object.entries({ 'line service': line, 'peer directory': peer, 'pair chat': pair })) {
      if (at) this.#printLine(`${name} on ${at.host} port ${String(at.port)}, not encrypted`);
    }
    if (this.#atTerminal) this.#printLine('help lists the commands');
  }

  #openPrompt(server: RunningServer): void {
    this.#prompt = new AdminPrompt({
      input: process.stdin,
      output: process.stdout,
      execute: (line) => this.#execute(server, line),
      roomNames: async () => {
        const listed = await server.execute('lr');
        const rooms = listed?.ok ? (listed.data as { rooms: { name: string }[] }).rooms : [];
        return rooms.map(({ name }) => name);
      },
      interrupted: () => {
        void this.#stop(server);
      },
    });
  }

  /** The end of the input leaves the server running: it may have been started in the background. */
  async #readPipe(server: RunningServer): Promise<void> {
    try {
      await readLines(
        process.stdin,
        (line) => this.#execute(server, line),
        (message) => {
          const { code } = new ParleyError('USAGE');
          this.#printResult({ type: 'result', command: '', ok: false, error: { code, message } });
        },
      );
    } catch (error) {
      // The input broke, or was closed because the server stops.
      this.#log?.log.debug({ err: error }, 'the input ended');
    }
  }

  async #execute(server: RunningServer, line: string): Promise<void> {
    const result = await server.execute(line);
    if (!result) return;
    const isEnd = result.ok && result.command === 'x';
    if (isEnd) this.#prompt?.close();
    this.#printResult(result);
    if (isEnd) await this.#stop(server);
  }

  async #stop(server: RunningServer): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    const stopped = await endsWithin(stopBoundMs, server.stop());
    if (!stopped) this.#log?.log.fatal({ boundMs: stopBoundMs }, 'the server did not stop in time');
    this.#prompt?.close();
    await this.#log?.flush();
    this.#exit(stopped ? exitCodes.done : exitCodes.ours);
  }

  #exit(code: number): never {
    // Standard output and error are written synchronously to files, pipes and terminals of this system.
    process.exit(code);
  }

  #printResult(result: AdminResult): void {
    if (this.#settings.json) this.#printLine(jsonLine(result));
    else if (result.ok || this.#atTerminal) this.#printLine(resultText(result));
    else process.stderr.write(`${resultText(result)}\n`);
  }

  #printLine(line: string): void {
    if (this.#prompt) this.#prompt.print(`${line}\n`);
    else process.stdout.write(`${line}\n`);
  }

  #printLog(text: string): void {
    if (this.#prompt) this.#prompt.print(text);
    else process.stderr.write(text);
  }
}

const program = new Program(parseCommandLine(process.argv));
process.on('uncaughtException', (error) => {
  void program.fail(error);
});
await program.run().catch((error: unknown) => program.fail(error));
