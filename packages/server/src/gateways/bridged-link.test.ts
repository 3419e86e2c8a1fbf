import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  decodePeerFrame,
  encodeReceiptFrame,
  encodeTextFrame,
  FrameStream,
  OutgoingChain,
  type FrameBatch,
} from '@parley/protocol';
import { FakeWorld } from '../domain/fake-world.fixture.js';
import { BridgedLink } from './bridged-link.js';

const conversation = Buffer.alloc(16, 7);

/** Makes numbered texts of one sender. */
class Writer {
  readonly #sender: string;
  readonly #chain = new OutgoingChain((bytes) => createHash('sha256').update(bytes).digest(), new Uint8Array(8));
  #count = 0;

  constructor(sender: string) {
    this.#sender = sender;
  }

  write(text: string): { id: Buffer; record: Uint8Array } {
    this.#count += 1;
    const id = Buffer.alloc(16);
    id.writeUInt32BE(this.#count);
    return { id, record: this.#chain.next({ id, conversation, sender: this.#sender, at: 1, text }) };
  }
}

let world: FakeWorld;
let link: BridgedLink;
/** What was handed to the device's connection. */
let sent: FrameBatch[];
/** What was handed to the old client, and what is to be called once its system has it. */
let texts: string[];
let undelivered: (() => void)[];
let stalls: number;
/** The device's end. */
let stream: FrameStream;
let device: Writer;
let gateway: Writer;

beforeEach(() => {
  world = new FakeWorld();
  sent = [];
  texts = [];
  undelivered = [];
  stalls = 0;
  stream = new FrameStream();
  device = new Writer('anna');
  gateway = new Writer('mat0299');
  link = new BridgedLink({
    peer: 'anna',
    conversation: conversation.toString('hex'),
    clock: world.clock,
    carry: (batch) => {
      sent.push(batch);
      return undefined;
    },
    text: (text, delivered) => {
      texts.push(text);
      undelivered.push(delivered);
    },
    confirmed: () => undefined,
    stalled: () => {
      stalls += 1;
    },
  });
  link.start();
  link.receive(stream.nextBatch(), true);
  sent = [];
});

function say(text: string): void {
  const { id, record } = gateway.write(text);
  link.say(id.toString('hex'), record);
}

/** The device says it, to go with the next batch. */
function push(text: string): void {
  stream.push(Buffer.from(encodeTextFrame(device.write(text).record)).toString('base64'));
}

/** One batch of the device's. @returns how many of its frames have been taken, from the first on */
function flush(): number {
  const received = link.receive(stream.nextBatch(), false);
  stream.acknowledge(received);
  return received;
}

function deliver(): void {
  for (const delivered of undelivered.splice(0)) delivered();
}

function textOf(frame: string): string | undefined {
  const decoded = decodePeerFrame(Buffer.from(frame, 'base64'));
  return decoded?.type === 'text' ? decoded.message.text : undefined;
}

const refusal = (code: string) => expect.objectContaining({ code });

describe('what is said to a device', () => {
  it('goes out one batch at a time, each of a bounded size, the next when it has the one before', () => {
    const said = Array.from({ length: 60 }, (_, n) => `${String(n)} ${'x'.repeat((n * 397) % 3_000)}`);
    for (const text of said) say(text);
    const got: string[] = [];
    while (got.length < said.length) {
      // Just one, however much waits.
      expect(sent).toHaveLength(1);
      const [batch] = sent.splice(0) as [FrameBatch];
      expect(batch.frames.join('').length).toBeLessThanOrEqual(12 * 1024);
      for (const frame of stream.accept(batch)) got.push(textOf(frame) ?? '');
      flush();
    }
    expect(got).toEqual(said);
    expect(sent).toEqual([]);
  });

  it('goes out in a batch of its own where it is larger than one', () => {
    const said = ['small', 'x'.repeat(16_000), 'small again'];
    for (const text of said) say(text);
    const sizes: number[] = [];
    for (let batch = sent.shift(); batch; batch = sent.shift()) {
      sizes.push(batch.frames.length);
      stream.accept(batch);
      flush();
    }
    expect(sizes).toEqual([1, 1, 1]);
  });

  it('has no room while the device takes it in but confirms nothing', async () => {
    let said = 0;
    for (; link.hasRoom; said += 1) {
      say('x');
      for (const batch of sent.splice(0)) stream.accept(batch);
      flush();
      expect(said).toBeLessThan(4_096);
    }
    expect(link.unconfirmed).toBe(said);
    const room = link.room(5_000);
    stream.push(Buffer.from(encodeReceiptFrame(new Writer('mat0299').write('x').id)).toString('base64'));
    flush();
    expect(await room).toBe(true);
    expect(link.unconfirmed).toBe(said - 1);
  });
});

describe('a device that takes nothing in', () => {
  it('is refused more in the end, and goes on when it does', () => {
    const most = 30_000;
    /** Says one text more, of which it never knows that we have it. */
    const sayDeafly = (): void => {
      push('x');
      const batch = stream.nextBatch();
      stream.acknowledge(link.receive({ ...batch, received: 0 }, false));
      deliver();
    };
    expect(() => {
      for (let said = 0; said < most; said += 1) sayDeafly();
    }).toThrow(refusal('RATE_LIMITED'));
    const taken = texts.length;
    expect(taken).toBeGreaterThan(1_000);
    // Nothing more of it is taken or kept, however often it tries, by a new connection too.
    for (const resume of [false, true]) {
      stream.rewind();
      const batch = { ...stream.nextBatch(), received: 0 };
      expect(() => link.receive(batch, resume)).toThrow(refusal('RATE_LIMITED'));
    }
    expect(texts).toHaveLength(taken);
    expect(sent.flatMap(({ frames }) => frames).join('').length).toBeLessThan(64 * 1024);
    // It takes in what it got: more comes, and it may say more.
    let receipts = 0;
    stream.rewind();
    for (let batch = sent.shift(); batch; batch = sent.shift()) {
      receipts += stream.accept(batch).length;
      try {
        flush();
      } catch {
        // Not yet enough.
        stream.rewind();
      }
    }
    expect(texts).toHaveLength(taken + 1);
    deliver();
    expect(receipts).toBe(taken);
  });
});

describe('a burst of texts to an old client that takes none', () => {
  const burst = Array.from({ length: 100 }, (_, n) => `${String(n)} ${'x'.repeat(1_000)}`);

  it('is taken in part; the rest comes when it does, nothing lost or doubled', () => {
    for (const text of burst) push(text);
    const first = flush();
    // A bounded part, and never nothing.
    expect(first).toBeGreaterThan(5);
    expect(first).toBeLessThan(25);
    expect(texts).toEqual(burst.slice(0, first));
    // Asked again it takes nothing.
    stream.rewind();
    expect(flush()).toBe(first);
    expect(texts).toHaveLength(first);
    for (let rounds = 0; texts.length < burst.length && rounds < burst.length; rounds += 1) {
      deliver();
      stream.rewind();
      flush();
    }
    expect(texts).toEqual(burst);
    deliver();
    expect(stalls).toBe(0);
    const receipts: string[] = [];
    for (let batch = sent.shift(); batch; batch = sent.shift()) {
      receipts.push(...stream.accept(batch));
      flush();
    }
    expect(new Set(receipts).size).toBe(burst.length);
    expect(receipts).toHaveLength(burst.length);
  });

  it('is waited for a while, then the old client is stalled; not one that takes something', () => {
    for (const text of burst) push(text);
    flush();
    world.clock.advance(4_999);
    undelivered.shift()?.();
    world.clock.advance(60_000);
    expect(stalls).toBe(0);
    for (let tries = 0; tries < 3; tries += 1) {
      stream.rewind();
      flush();
      world.clock.advance(2_499);
    }
    expect(stalls).toBe(1);
    world.clock.advance(60_000);
    expect(stalls).toBe(1);
  });

  it('is not stalled once the conversation is over', () => {
    for (const text of burst) push(text);
    flush();
    link.close();
    world.clock.advance(60_000);
    expect(stalls).toBe(0);
  });

  it('of empty lines counts by the lines', () => {
    for (let n = 0; n < 100; n += 1) push('\n'.repeat(20));
    expect(flush()).toBeLessThan(25);
  });
});
