import { LineService, type LineServiceSettings } from './line-service.js';
import type { LineAnswer, LineAsk, LineNews, LineOutput } from './line-world.js';

const encoder = new TextEncoder();

/** A line service with clients, and a world that answers by `decide` at once, or as the test says. */
export class LineTable {
  readonly service: LineService;
  readonly log: string[] = [];
  readonly others: LineOutput[] = [];
  /** What waits for an answer, when `decide` gave none. */
  readonly asked: { fd: number; ask: LineAsk }[] = [];
  decide: (ask: LineAsk, fd: number) => LineAnswer | undefined = () => ({ type: 'done' });
  readonly #clients = new Map<number, LineClient>();

  constructor(settings: Partial<LineServiceSettings> = {}) {
    this.service = new LineService({ maxUsers: 10, broadcastAll: false, logsMessages: false, ...settings });
  }

  connect(): LineClient {
    const fd = this.service.connected();
    const client = new LineClient(this, fd);
    this.#clients.set(fd, client);
    this.poll();
    return client;
  }

  /** One who has joined. */
  user(name: string, ending = '\n'): LineClient {
    const client = this.connect();
    client.send(`JOIN ${name}${ending}`);
    client.take();
    this.others.length = 0;
    this.log.length = 0;
    return client;
  }

  answer(answer: LineAnswer): void {
    const { fd, ask } = this.asked.shift() ?? { fd: -1, ask: { type: 'list' } };
    this.service.answer(fd, ask, answer);
    this.goOn(fd);
  }

  /** All turns of a connection, one after the other. */
  goOn(fd: number): void {
    this.poll();
    while (this.service.hasMore(fd)) {
      this.service.goOn(fd);
      this.poll();
    }
  }

  tell(client: LineClient, news: LineNews): void {
    this.service.tell(client.fd, news);
    this.poll();
  }

  poll(): void {
    for (;;) {
      const output = this.service.pollOutput();
      if (!output) return;
      this.#do(output);
    }
  }

  #do(output: LineOutput): void {
    switch (output.type) {
      case 'write':
        this.#clients.get(output.fd)?.hear(output.text);
        break;
      case 'close':
        this.#clients.get(output.fd)?.close();
        this.#clients.delete(output.fd);
        break;
      case 'log':
        this.log.push(output.line);
        break;
      case 'ask': {
        const answer = this.decide(output.ask, output.fd);
        if (answer) this.service.answer(output.fd, output.ask, answer);
        else this.asked.push({ fd: output.fd, ask: output.ask });
        break;
      }
      case 'registered':
      case 'gone':
      case 'writeBytes':
        this.others.push(output);
        break;
    }
  }
}

export class LineClient {
  readonly fd: number;
  isClosed = false;
  readonly #table: LineTable;
  #heard = '';

  constructor(table: LineTable, fd: number) {
    this.#table = table;
    this.fd = fd;
  }

  send(input: string | Uint8Array): void {
    const { service } = this.#table;
    service.receive(this.fd, typeof input === 'string' ? encoder.encode(input) : input);
    this.#table.goOn(this.fd);
  }

  /** What it received since the last call. */
  take(): string {
    const heard = this.#heard;
    this.#heard = '';
    return heard;
  }

  /** It says no more, but reads on. */
  end(): void {
    this.#table.service.ended(this.fd);
    this.#table.goOn(this.fd);
  }

  drop(): void {
    this.#table.service.disconnected(this.fd);
    this.#table.poll();
  }

  hear(text: string): void {
    this.#heard += text;
  }

  close(): void {
    this.isClosed = true;
  }
}
