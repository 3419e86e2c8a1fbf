/** The real programs in namespaces: a server, and people who type at clients. */
import { createInterface } from 'node:readline';
import { mains, Program } from '../programs.js';
import type { NetworkNamespace } from './namespaces.js';

type Fields = Readonly<Record<string, unknown>>;

/** A line of JSON, and when it came, in milliseconds of `performance.now()`. */
export interface Arrival {
  readonly atMs: number;
  readonly fields: Fields;
}

export const controlPort = 7420;
const password = 'correct-horse';

/** A program in a namespace that prints JSON: results in the order of the lines it was given, and events. */
export class JsonProgram extends Program {
  readonly results: Arrival[] = [];
  readonly events: Arrival[] = [];
  #asked = 0;

  constructor(namespace: NetworkNamespace, main: string, args: readonly string[]) {
    super('ip', namespace.within(process.execPath, [main, ...args]));
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      const fields = JSON.parse(line) as Fields;
      (fields['type'] === 'result' ? this.results : this.events).push({ atMs: performance.now(), fields });
    });
  }

  /** Gives it a line, and waits for what comes of it. */
  async ask(line: string): Promise<Arrival> {
    const index = this.#asked;
    this.#asked += 1;
    this.say(line);
    await this.until(() => this.results.length > index, `the result of ${line}`);
    return this.results[index]!;
  }

  /** The first event with these fields, now or later. */
  async event(fields: Fields): Promise<Arrival> {
    const find = (): Arrival | undefined => this.events.find((event) => hasFields(event.fields, fields));
    await this.until(() => find() !== undefined, JSON.stringify(fields));
    return find()!;
  }
}

export class Server extends JsonProgram {
  /** @param address where it listens, TCP and UDP */
  constructor(namespace: NetworkNamespace, address: string, data: string) {
    // The cheapest hash: what is measured is the network.
    const options = ['--host', address, '--port', String(controlPort), '--data', data, '--bcrypt-cost', '4'];
    super(namespace, mains.msa, ['--json', ...options]);
  }

  async ready(): Promise<void> {
    await this.event({ event: 'ready' });
  }
}

export type ShownPath = 'direct' | 'relayed' | 'gateway';

export class Person extends JsonProgram {
  readonly name: string;
  readonly namespace: NetworkNamespace;

  constructor(namespace: NetworkNamespace, name: string, home: string) {
    super(namespace, mains.mca, ['--json', '--home', home]);
    this.name = name;
    this.namespace = namespace;
  }

  async register(serverAddress: string): Promise<void> {
    const host = serverAddress.includes(':') ? `[${serverAddress}]` : serverAddress;
    for (const line of [`c ${host}:${String(controlPort)}`, `register ${this.name} ${password}`]) {
      const { fields } = await this.ask(line);
      if (fields['ok'] !== true) throw new Error(`${this.name}: ${JSON.stringify(fields)}`);
    }
  }

  /** What `l` says of the open conversation; null when there is none. */
  async conversation(): Promise<{ readonly path: ShownPath; readonly rttMs: number | null } | null> {
    const { fields } = await this.ask('l');
    const { conversation } = fields['data'] as { conversation: { path: ShownPath; rttMs: number | null } | null };
    return conversation;
  }

  /** The texts that have come from somebody, with their times. */
  texts(from: string): { readonly text: string; readonly atMs: number }[] {
    return this.events
      .filter(({ fields }) => hasFields(fields, { event: 'message', from }))
      .map(({ fields, atMs }) => ({ text: String(fields['text']), atMs }));
  }

  /** How many of the messages sent were delivered, and how many given up. */
  receipts(): { readonly delivered: number; readonly failed: number } {
    const count = (state: string): number =>
      this.events.filter(({ fields }) => hasFields(fields, { event: 'receipt', state })).length;
    return { delivered: count('delivered'), failed: count('failed') };
  }
}

function hasFields(record: Fields, fields: Fields): boolean {
  return Object.entries(fields).every(([name, value]) => record[name] === value);
}
