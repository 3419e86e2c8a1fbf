import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PairChat, type PairOutput } from './pair-chat.js';

const greeting = "YOU'RE CONNECTED TO : @MAIN SERVER";
const goodBye = 'SERVEUR WILL CLOSE NOW';

/** A chat whose clients are letters; keeps what each was sent, `|` where it was closed. */
class Chat {
  readonly machine = new PairChat();
  readonly got = new Map<string, string>();
  readonly log: string[] = [];
  readonly marks: string[] = [];
  readonly #names: string[] = [];
  readonly #closed = new Set<number>();

  connect(...names: string[]): void {
    for (const name of names) {
      this.#names.push(name);
      this.got.set(name, '');
      this.machine.connected(this.#names.length, { address: '192.0.2.7', port: 4000 + this.#names.length });
      this.#drain();
    }
  }

  write(name: string, text: string | Uint8Array): void {
    this.machine.receive(this.#id(name), typeof text === 'string' ? new TextEncoder().encode(text) : text);
    this.#drain();
  }

  drop(name: string): void {
    this.machine.disconnected(this.#id(name));
    this.#drain();
  }

  closeAll(): void {
    this.machine.closeAll();
    this.#drain();
  }

  /** Everything each client was sent, in order of arrival. */
  get all(): string[] {
    return [...this.got.values()];
  }

  #id(name: string): number {
    return this.#names.lastIndexOf(name) + 1;
  }

  /** All turns, one after the other. */
  #next(): PairOutput | undefined {
    for (;;) {
      const output = this.machine.pollOutput();
      if (output || !this.machine.hasMore) return output;
      this.machine.goOn();
    }
  }

  #drain(): void {
    const name = (id: number): string => this.#names[id - 1] ?? '';
    const add = (id: number, text: string): void => {
      // Nothing follows the end.
      expect(this.#closed).not.toContain(id);
      this.got.set(name(id), `${this.got.get(name(id)) ?? ''}${text}`);
    };
    for (let output = this.#next(); output; output = this.#next()) {
      switch (output.kind) {
        case 'write':
          add(output.id, new TextDecoder('utf-8', { fatal: true }).decode(output.bytes));
          break;
        case 'close':
          add(output.id, '|');
          this.#closed.add(output.id);
          break;
        case 'log':
          this.log.push(output.line);
          break;
        case 'waiting':
        case 'pause':
        case 'resume':
          this.marks.push(`${output.kind} ${name(output.id)}`);
          break;
        case 'paired':
        case 'talking':
          this.marks.push(`${output.kind} ${name(output.first)} ${name(output.second)}`);
      }
    }
  }
}

let chat: Chat;
beforeEach(() => {
  chat = new Chat();
});

/** `+A` comes, `-A` is lost, `A:…` writes, `stop` closes the chat. */
type Step = string;

function run(steps: readonly Step[], cut: (text: string) => (string | Uint8Array)[] = (text) => [text]): Chat {
  const made = new Chat();
  for (const step of steps) {
    if (step === 'stop') made.closeAll();
    else if (step.startsWith('+')) made.connect(step.slice(1));
    else if (step.startsWith('-')) made.drop(step.slice(1));
    else for (const piece of cut(step.slice(2))) made.write(step.slice(0, 1), piece);
  }
  return made;
}

const many = Array.from({ length: 200 }, (_, index) => `a${String(index)}\n`).join('');

/** What happens, and what each client has read in the end. */
const rules: readonly (readonly [rule: string, steps: readonly Step[], read: readonly string[]])[] = [
  ['the first of a pair is greeted', ['+A'], [greeting]],
  ['the second reads nothing yet', ['+A', '+B'], [greeting, '']],
  ['a line comes without LF and with one NUL', ['+A', '+B', 'A:hello\n'], [greeting, 'hello\0']],
  ['or without CR and LF', ['+A', '+B', 'A:hello\r\n'], [greeting, 'hello\0']],
  ['a line that is not ended is no line yet', ['+A', '+B', 'A:hello'], [greeting, '']],
  [
    'then it is the other’s turn',
    ['+A', '+B', 'A:one\n', 'B:two\n', 'A:three\n'],
    [`${greeting}two\0`, 'one\0three\0'],
  ],
  ['an empty line is a line', ['+A', '+B', 'A:\n', 'B:\n'], [`${greeting}\0`, '\0']],
  ['out of turn: it is kept', ['+A', '+B', 'B:soon\n'], [greeting, '']],
  [
    'until it is its turn',
    ['+A', '+B', 'B:soon\nlater\n', 'A:one\n', 'A:two\n'],
    [`${greeting}soon\0later\0`, 'one\0two\0'],
  ],
  [
    'the first writes before the second is there',
    ['+A', 'A:one\ntwo\n', '+B', 'B:yes\n'],
    [`${greeting}yes\0`, 'one\0two\0'],
  ],
  [
    'the third waits for the fourth',
    ['+A', '+B', '+C', 'C:to D\n', 'A:to B\n', '+D'],
    [greeting, 'to B\0', greeting, 'to D\0'],
  ],
  ['exit is passed on and ends both', ['+A', '+B', 'A:exit\n'], [`${greeting}|`, 'exit\0|']],
  ['so is all that begins so', ['+A', '+B', 'A:exit: bye\r\nmore\n', 'B:late\n'], [`${greeting}|`, 'exit: bye\0|']],
  ['what only holds the word is a line', ['+A', '+B', 'A: exit\n', 'B:Exit\n'], [`${greeting}Exit\0`, ' exit\0']],
  [
    'exit out of turn is kept like every line',
    ['+A', '+B', 'B:one\nexit\n', 'A:a\n', 'A:b\n'],
    [`${greeting}one\0exit\0|`, 'a\0b\0|'],
  ],
  ['the first is lost', ['+A', '+B', '-A'], [greeting, 'exit\0|']],
  ['the second is lost', ['+A', '+B', '-B'], [`${greeting}exit\0|`, '']],
  [
    'what the lost one had written comes first, but for a line that was not ended',
    ['+A', '+B', 'A:one\ntwo\nthree\nfo', '-A'],
    [greeting, 'one\0two\0three\0exit\0|'],
  ],
  [
    'with its own exit, if it said that',
    ['+A', '+B', 'B:one\nexit now\nmore\n', '-B'],
    [`${greeting}one\0exit now\0|`, ''],
  ],
  [
    'one that waits alone is lost: the next is a first one',
    ['+A', 'A:anyone?\n', '-A', '+B', '+C', 'B:hello\n'],
    [greeting, greeting, 'hello\0'],
  ],
  [
    'the chat is closed',
    ['+A', '+B', '+C', 'B:kept\n', 'stop'],
    [`${greeting}${goodBye}|`, `${goodBye}|`, `${greeting}${goodBye}|`],
  ],
  [
    'and pairing begins afresh',
    ['+A', 'stop', 'A:x\n', '-A', '+B', '+C', 'B:hello\n'],
    [`${greeting}${goodBye}|`, greeting, 'hello\0'],
  ],
  [
    'the longest line: 256 bytes with its LF',
    ['+A', '+B', `A:${'x'.repeat(255)}\n`, `B:${'y'.repeat(255)}\r\n`],
    [`${greeting}${'y'.repeat(255)}\0`, `${'x'.repeat(255)}\0`],
  ],
  [
    'a longer one ends the pair',
    ['+A', '+B', 'A:one\n', `A:two\n${'x'.repeat(256)}\nmore\n`],
    [`${greeting}|`, 'one\0two\0exit\0|'],
  ],
  ['also without an end', ['+A', '+B', `B:${'x'.repeat(5000)}`], [`${greeting}exit\0|`, '|']],
  ['also of one that waits alone', ['+A', `A:${'x'.repeat(300)}`, '+B'], [`${greeting}|`, greeting]],
  ['exit of one that waits alone', ['+A', 'A:exit\n', '+B', 'B:hello\n'], [`${greeting}|`, greeting]],
  ['exit ends it before that', ['+A', '+B', `A:exit\n${'x'.repeat(300)}\n`], [`${greeting}|`, 'exit\0|']],
  ['nothing that a terminal obeys', ['+A', '+B', 'A:a\u001b[31m\tb\0c\rd\u202ee\n'], [greeting, 'a?[31m b?c?d?e\0']],
  [
    'more than is kept',
    ['+A', `A:${many}`, '+B', `B:${many.replaceAll('a', 'b')}`, 'A:exit\n', 'B:\n'],
    [`${greeting}${many.replaceAll('a', 'b').replaceAll('\n', '\0')}|`, `${many.replaceAll('\n', '\0')}exit\0|`],
  ],
];

describe('the rules', () => {
  it.each(rules)('%s', (_rule, steps, read) => {
    expect(run(steps).all).toEqual(read);
  });

  it.each(rules)('byte by byte: %s', (_rule, steps, read) => {
    const bytewise = (text: string): Uint8Array[] =>
      Array.from(new TextEncoder().encode(text), (byte) => Uint8Array.of(byte));
    expect(run(steps, bytewise).all).toEqual(read);
  });
});

describe('bytes', () => {
  it('are those of the older server', () => {
    const { machine } = chat;
    const written: string[] = [];
    for (const step of [
      () => {
        machine.connected(1, { address: '192.0.2.1', port: 1 });
      },
      () => {
        machine.connected(2, { address: '192.0.2.1', port: 2 });
      },
      () => {
        machine.receive(1, Uint8Array.of(0x68, 0x69, 0x0a));
      },
      () => {
        machine.receive(2, Uint8Array.of(0x65, 0x78, 0x69, 0x74, 0x0a));
      },
      () => {
        machine.connected(3, { address: '192.0.2.1', port: 3 });
      },
      () => {
        machine.closeAll();
      },
    ]) {
      step();
      for (let output = machine.pollOutput(); output; output = machine.pollOutput()) {
        if (output.kind === 'write') written.push(`${String(output.id)} ${Buffer.from(output.bytes).toString('hex')}`);
      }
    }
    const greetingHex = '594f552752452043' + '4f4e4e4543544544' + '20544f203a20404d' + '41494e2053455256' + '4552';
    expect(greetingHex).toHaveLength(2 * 34);
    expect(written).toEqual([
      `1 ${greetingHex}`,
      '2 686900',
      '1 6578697400',
      `3 ${greetingHex}`,
      '3 534552564555522057494c4c20434c4f5345204e4f57',
    ]);
  });

  it('that are no UTF-8 become one byte each, so that no line grows', () => {
    chat.connect('A', 'B');
    chat.write('A', Uint8Array.of(...new Uint8Array(255).fill(0xe9), 0x0a));
    expect(chat.got.get('B')).toBe(`${'?'.repeat(255)}\0`);
  });

  it('of other scripts pass', () => {
    chat.connect('A', 'B');
    chat.write('A', 'Grüße, 你好\n');
    expect(chat.got.get('B')).toBe('Grüße, 你好\0');
  });
});

describe('what is written ahead', () => {
  it('is read up to 64 lines, and further when they are gone', () => {
    chat.connect('A', 'B');
    chat.write('B', 'b\n'.repeat(63));
    expect(chat.marks).toEqual(['waiting A', 'paired A B']);
    chat.write('B', 'b\nb\n');
    expect(chat.marks.slice(2)).toEqual(['pause B']);
    chat.write('A', 'a\n');
    expect(chat.marks.slice(3)).toEqual(['talking A B']);
    chat.write('A', 'a\n');
    expect(chat.marks.slice(4)).toEqual(['resume B']);
    chat.write('A', 'a\n'.repeat(63));
    expect(chat.got.get('A')).toBe(greeting + 'b\0'.repeat(65));
    expect(chat.got.get('B')).toBe('a\0'.repeat(65));
    expect(chat.marks).toHaveLength(5);
  });

  it('is held back of one that waits alone, too', () => {
    chat.connect('A');
    chat.write('A', 'a\n'.repeat(64));
    chat.connect('B');
    expect(chat.marks).toEqual(['waiting A', 'pause A', 'paired A B', 'talking A B', 'resume A']);
  });

  it('may end in a line that is too long, which is seen when there is room to read it', () => {
    chat.connect('A', 'B');
    chat.write('B', 'b\n'.repeat(64) + 'x'.repeat(300));
    chat.write('A', 'a\n');
    expect(chat.all).toEqual([`${greeting}${'b\0'.repeat(64)}exit\0|`, 'a\0|']);
  });
});

describe('turns', () => {
  it('of two who have written far ahead leave room for others', () => {
    const { machine } = chat;
    machine.connected(1, { address: '192.0.2.1', port: 1 });
    machine.connected(2, { address: '192.0.2.1', port: 2 });
    const much = new Uint8Array(64 * 1024).fill(0x0a);
    machine.receive(1, much);
    machine.receive(2, much);
    let calls = 0;
    const bytes = new Map<number, number>();
    for (; machine.hasMore; calls += 1) {
      if (calls > 0) machine.goOn();
      let written = 0;
      for (let output = machine.pollOutput(); output; output = machine.pollOutput()) {
        if (output.kind !== 'write') continue;
        written += output.bytes.length;
        bytes.set(output.id, (bytes.get(output.id) ?? 0) + output.bytes.length);
      }
      expect(written).toBeLessThan(200);
    }
    expect(calls).toBeGreaterThan(1_000);
    expect([...bytes]).toEqual([
      [1, 64 * 1024 + 34],
      [2, 64 * 1024],
    ]);
  });
});

describe('leaving', () => {
  it('of one who has written far ahead leaves room for others, and loses nothing', () => {
    const { machine } = chat;
    machine.connected(1, { address: '192.0.2.1', port: 1 });
    machine.connected(2, { address: '192.0.2.1', port: 2 });
    machine.receive(2, new TextEncoder().encode('b\n'.repeat(10_000)));
    machine.disconnected(2);
    let read = '';
    let isClosed = false;
    for (let calls = 0; machine.hasMore || calls === 0; calls += 1) {
      if (calls > 0) machine.goOn();
      // What it says now nobody can read.
      machine.receive(1, Uint8Array.of(0x61, 0x0a));
      let written = '';
      for (let output = machine.pollOutput(); output; output = machine.pollOutput()) {
        if (output.kind === 'write') written += new TextDecoder().decode(output.bytes);
        if (output.kind === 'close') isClosed = true;
      }
      expect(written.length).toBeLessThan(200);
      read += written;
    }
    expect(read).toBe(`${greeting}${'b\0'.repeat(10_000)}exit\0`);
    expect(isClosed).toBe(true);
    expect(machine.count).toBe(0);
  });

  it('of both in the middle of that ends it', () => {
    const { machine } = chat;
    machine.connected(1, { address: '192.0.2.1', port: 1 });
    machine.connected(2, { address: '192.0.2.1', port: 2 });
    machine.receive(2, new TextEncoder().encode('b\n'.repeat(10_000)));
    machine.disconnected(2);
    machine.disconnected(1);
    expect(machine.hasMore).toBe(false);
    expect(machine.count).toBe(0);
  });
});

describe('the operator', () => {
  it('sees who is there, who went and who is with whom', () => {
    chat.connect('A', 'B', 'C');
    chat.machine.connected(9, { address: '2001:db8::1', port: 9 });
    expect(chat.machine.clients()).toEqual([
      { address: '192.0.2.7', port: 4001, state: 'connected', with: '192.0.2.7:4002' },
      { address: '192.0.2.7', port: 4002, state: 'connected', with: '192.0.2.7:4001' },
      { address: '192.0.2.7', port: 4003, state: 'connected', with: '[2001:db8::1]:9' },
      { address: '2001:db8::1', port: 9, state: 'connected', with: '192.0.2.7:4003' },
    ]);
    chat.drop('A');
    chat.drop('A');
    chat.machine.disconnected(9);
    chat.connect('E');
    expect(chat.machine.count).toBe(1);
    expect(
      chat.machine.clients().map((client) => `${String(client.port)} ${client.state} ${String(client.with)}`),
    ).toEqual([
      '4004 connected null',
      '4001 disconnected 192.0.2.7:4002',
      '4002 disconnected 192.0.2.7:4001',
      '9 disconnected 192.0.2.7:4003',
      '4003 disconnected [2001:db8::1]:9',
    ]);
  });

  it('sees the last 8 who went', () => {
    for (let index = 0; index < 40; index += 1) {
      chat.connect('A');
      chat.drop('A');
    }
    const ports = chat.machine.clients().map(({ port }) => port);
    expect(ports).toEqual(Array.from({ length: 8 }, (_, index) => 4033 + index));
  });

  it('reads in the log what happened', () => {
    chat.connect('A', 'B', 'C');
    chat.write('A', 'exit\n');
    chat.drop('C');
    chat.connect('D');
    chat.closeAll();
    expect(chat.log).toEqual([
      '192.0.2.7:4001 connected',
      '192.0.2.7:4002 connected',
      '192.0.2.7:4001 is paired with 192.0.2.7:4002',
      '192.0.2.7:4003 connected',
      '192.0.2.7:4001 disconnected: it said exit',
      '192.0.2.7:4002 disconnected: its partner said exit',
      '192.0.2.7:4003 disconnected: it is gone',
      '192.0.2.7:4004 connected',
      '192.0.2.7:4004 disconnected: the chat was closed',
    ]);
  });

  it('does not confuse two clients', () => {
    chat.connect('A');
    expect(() => {
      chat.machine.connected(1, { address: '192.0.2.1', port: 1 });
    }).toThrow('id 1');
  });
});

describe('whatever order two clients write in', () => {
  const piece = fc.record({ who: fc.constantFrom('A', 'B'), text: fc.stringMatching(/^[a-z\n]{0,40}$/) });

  it('each line arrives once, in its order, and turns alternate', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), fc.nat(60), (pieces, secondComesAt) => {
        const both = new Chat();
        const said = { A: '', B: '' };
        both.connect('A');
        for (const [index, { who, text }] of pieces.entries()) {
          if (index === secondComesAt) both.connect('B');
          const writer = index >= secondComesAt && who === 'B' ? 'B' : 'A';
          const safe = text.replaceAll('e', '.');
          said[writer] += safe;
          both.write(writer, safe);
        }
        if (!both.got.has('B')) both.connect('B');
        const lines = (text: string): string[] => text.split('\n').slice(0, -1);
        const [ofA, ofB] = [lines(said.A), lines(said.B)];
        // A writes first, so it may be one line ahead, and nobody waits for a line that is there.
        const fromA = Math.min(ofA.length, ofB.length + 1);
        const fromB = Math.min(ofB.length, ofA.length);
        const nul = (line: string): string => `${line}\0`;
        expect(both.got.get('B')).toBe(ofA.slice(0, fromA).map(nul).join(''));
        expect(both.got.get('A')).toBe(greeting + ofB.slice(0, fromB).map(nul).join(''));
      }),
    );
  });

  it('noise ends conversations, never the machine, and never passes a control character', () => {
    const noise = fc.record({
      who: fc.constantFrom('A', 'B', 'C', 'D'),
      bytes: fc.oneof(
        fc.uint8Array({ maxLength: 400 }),
        fc.constantFrom('exit\n', '\n', 'a\nb\n').map((text) => new TextEncoder().encode(text)),
      ),
      drops: fc.integer({ min: 0, max: 9 }).map((roll) => roll === 0),
    });
    fc.assert(
      fc.property(fc.array(noise, { maxLength: 50 }), (events) => {
        const noisy = new Chat();
        noisy.connect('A', 'B', 'C', 'D');
        for (const { who, bytes, drops } of events) {
          if (drops) noisy.drop(who);
          else noisy.write(who, bytes);
        }
        for (const text of noisy.all) expect(text).not.toMatch(/[\u0001-\u001f\u007f-\u009f\u202e]/);
        for (const text of noisy.all) for (const line of text.split('\0')) expect(line.length).toBeLessThan(256 + 34);
        noisy.closeAll();
        expect(noisy.machine.count).toBe(0);
      }),
    );
  });
});
