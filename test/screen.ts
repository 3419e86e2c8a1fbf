/** A program in a real pseudo-terminal, and the screen a person would see. */
import { spawn, type IPty } from '@lydell/node-pty';
import xterm from '@xterm/headless';

const columns = 80;
const rows = 30;

export const keys = {
  enter: '\r',
  left: '\u001b[D',
  up: '\u001b[A',
  tab: '\t',
  ctrlC: '\u0003',
  ctrlD: '\u0004',
} as const;

export class Screen {
  readonly ended: Promise<number>;
  /** Everything the program wrote, raw. */
  output = '';
  readonly #pty: IPty;
  readonly #terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 1000 });
  #hasEnded = false;

  constructor(file: string, args: readonly string[], env: Record<string, string> = {}) {
    this.#pty = spawn(process.execPath, [file, ...args], {
      cols: columns,
      rows,
      name: 'xterm-256color',
      env: { ...process.env, TERM: 'xterm-256color', ...env },
    });
    this.#pty.onData((text) => {
      this.output += text;
      this.#terminal.write(text);
    });
    // What the program asks the terminal (its cursor's place, say) the terminal answers.
    this.#terminal.onData((text) => {
      this.#pty.write(text);
    });
    this.ended = new Promise((resolve) => {
      this.#pty.onExit(({ exitCode }) => {
        this.#hasEnded = true;
        resolve(exitCode);
      });
    });
  }

  type(text: string): void {
    this.#pty.write(text);
  }

  /** The lines that are not empty, as they were before the terminal wrapped them, those scrolled out included. */
  get lines(): string[] {
    const { active } = this.#terminal.buffer;
    const lines: string[] = [];
    for (let y = 0; y < active.length; y += 1) {
      const line = active.getLine(y);
      const isWhole = !active.getLine(y + 1)?.isWrapped;
      const text = line?.translateToString(isWhole) ?? '';
      if (line?.isWrapped) lines.push((lines.pop() ?? '') + text);
      else lines.push(text);
    }
    return lines.filter(Boolean);
  }

  /** The line with the cursor, and where in it the cursor is. */
  get cursor(): { line: string; column: number } {
    const { active } = this.#terminal.buffer;
    const line = active.getLine(active.baseY + active.cursorY)?.translateToString(true) ?? '';
    return { line, column: active.cursorX };
  }

  get text(): string {
    return this.lines.join('\n');
  }

  async until(holds: () => boolean, what: string): Promise<void> {
    const deadline = performance.now() + 20_000;
    while (!holds()) {
      if (performance.now() > deadline || (this.#hasEnded && !holds())) {
        throw new Error(`${this.#hasEnded ? 'ended' : 'waited in vain'} before ${what}; the screen:\n${this.text}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async shows(text: string): Promise<void> {
    await this.until(() => this.text.includes(text), JSON.stringify(text));
  }

  kill(): void {
    if (!this.#hasEnded) this.#pty.kill('SIGKILL');
    this.#terminal.dispose();
  }
}
