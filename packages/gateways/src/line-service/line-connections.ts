import { LineDecoder, type DecodedLine, type LineEnding } from '@parley/text';
import type { LineAsk } from './line-world.js';
import { TelnetCommands } from './telnet-commands.js';

/** 4 KiB of text, and the command and name before it. */
const maxLineBytes = 4096 + 64;

/** The original's descriptors begin here: 0 to 2 are the standard streams, 3 and 4 were its own. */
const firstFd = 5;

/** One client of the service, registered or not. */
export class LineConnection {
  readonly fd: number;
  readonly telnet = new TelnetCommands();
  readonly #decoder = new LineDecoder(maxLineBytes, { lossy: true });
  /** What came in and is not looked at yet: the rest of one piece, and the pieces behind it. */
  #lines: Generator<DecodedLine> | undefined;
  #pieces: Uint8Array[] = [];
  #heldBytes = 0;
  /** As typed; undefined until registered. */
  name: string | undefined;
  /** The room the user is in, as typed. */
  room: string | undefined;
  /** What the world was asked for; no further line is looked at before it has answered. */
  ask: LineAsk | undefined;
  /** How the client's last line ended, and so ours do. */
  ending: LineEnding = '\n';
  /** It has so much unread that others are told so, rather than that it is dropped. */
  isClogged = false;
  /** It says no more. */
  hasEnded = false;
  /** It has said goodbye. */
  hasQuit = false;
  /** To be written at the next poll. */
  output = '';

  constructor(fd: number) {
    this.fd = fd;
  }

  /** Bytes that wait because lines before them do. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Whether there may be something left to do for it. */
  get hasMore(): boolean {
    return this.#lines !== undefined || this.#pieces.length > 0 || this.hasEnded;
  }

  hold(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.#heldBytes += bytes.length;
  }

  /** The next whole line, if there is one. */
  nextLine(): DecodedLine | undefined {
    for (;;) {
      const next = this.#lines?.next();
      if (next && !next.done) {
        this.ending = this.#decoder.ending;
        return next.value;
      }
      this.#lines = undefined;
      const piece = this.#pieces.shift();
      if (!piece) return undefined;
      this.#heldBytes -= piece.length;
      this.#lines = this.#decoder.push(piece);
    }
  }
}

/** All connections by their number, and who of them is registered under which name. */
export class LineConnections {
  readonly #byFd: (LineConnection | undefined)[] = [];
  /** No number below it is free. */
  #lowestFree = firstFd;
  /** In the order they joined. */
  readonly #byName = new Map<string, LineConnection>();

  /** A new one, with the smallest number that is free. */
  add(): LineConnection {
    let fd = this.#lowestFree;
    while (this.#byFd[fd]) fd += 1;
    this.#lowestFree = fd + 1;
    const connection = new LineConnection(fd);
    this.#byFd[fd] = connection;
    return connection;
  }

  /** Frees its number and its name. */
  remove(connection: LineConnection): void {
    const { fd, name } = connection;
    this.#byFd[fd] = undefined;
    this.#lowestFree = Math.min(this.#lowestFree, fd);
    if (name !== undefined) this.#byName.delete(name);
  }

  get(fd: number): LineConnection | undefined {
    return this.#byFd[fd];
  }

  register(connection: LineConnection, name: string): void {
    connection.name = name;
    this.#byName.set(name, connection);
  }

  named(name: string): LineConnection | undefined {
    return this.#byName.get(name);
  }

  get registered(): Iterable<LineConnection> {
    return this.#byName.values();
  }

  get registeredCount(): number {
    return this.#byName.size;
  }
}
