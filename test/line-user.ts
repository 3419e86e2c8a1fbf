/** A user of the line service, over a plain socket as telnet has it. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const patienceMs = 15_000;

export class LineUser {
  /** What came and was not waited for yet. */
  readonly unseen: string[] = [];
  readonly #socket: Socket;
  #held = '';
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8').on('data', (text: string) => {
      const lines = (this.#held + text).split(/\r?\n/);
      this.#held = lines.pop() ?? '';
      this.unseen.push(...lines);
      this.#wake();
    });
    socket.on('error', () => socket.destroy());
  }

  /** One that has registered under this name. */
  static async join(port: number, name: string): Promise<LineUser> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const user = new LineUser(socket);
    user.say(`JOIN ${name}`);
    await user.next(`JOIN ${name} Request Accepted`);
    return user;
  }

  say(line: string): void {
    this.#socket.write(`${line}\n`);
  }

  /** Waits for a line; those before it stay to be waited for. */
  async next(line: string): Promise<void> {
    const deadline = performance.now() + patienceMs;
    while (!this.unseen.includes(line)) {
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`waited in vain for ${line}; has seen ${JSON.stringify(this.unseen.slice(-20))}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.unseen.splice(this.unseen.indexOf(line), 1);
  }

  /** Reads nothing more; what comes waits in the system's buffers. */
  pause(): void {
    this.#socket.pause();
  }

  /** Is gone without a word. */
  drop(): void {
    this.#socket.destroy();
  }
}
