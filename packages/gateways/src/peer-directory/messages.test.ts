import { describe, expect, it } from '@jest/globals';
import { plainLine } from '@parley/text';
import fc from 'fast-check';
import {
  encodePeerMessage,
  isPeerName,
  PeerMessageDecoder,
  peerTextBytes,
  type DecodedPeerMessage,
  type PeerMessage,
} from './messages.js';

const encoder = new TextEncoder();

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function unhex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

function decodeAll(...chunks: Uint8Array[]): DecodedPeerMessage[] {
  const decoder = new PeerMessageDecoder();
  return chunks.flatMap((chunk) => [...decoder.push(chunk)]);
}

function bytewise(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (byte) => Uint8Array.of(byte));
}

const mat = '6d617430323939'; // mat0299
const golden: [string, PeerMessage, string][] = [
  ['UP', { type: 'up', address: '127.0.0.1', name: 'mat0299' }, `01000000 7f000001 ${mat}${'00'.repeat(18)} 000000`],
  ['DOWN', { type: 'down', address: '10.1.2.3', port: 12361 }, '02000000 0a010203 4930 0000'],
  ['ALIVE', { type: 'alive', address: '10.1.2.3', port: 12361 }, '0b000000 0a010203 4930 0000'],
  ['ACK', { type: 'ack', port: 12361 }, '0c000000 4930 0000'],
  ['NACK', { type: 'nack' }, '0d000000'],
  ['WHO', { type: 'who' }, '15000000'],
  ['HDR', { type: 'hdr', count: 258 }, '16000000 02010000'],
  [
    'PEER',
    { type: 'peer', address: '192.168.0.255', port: 65535, name: 'mat0299' },
    `17000000 c0a800ff ffff ${mat}${'00'.repeat(18)} 00`,
  ],
  [
    'CONN',
    { type: 'conn', address: '192.168.0.255', port: 1, name: 'x'.repeat(24) },
    `1f000000 c0a800ff 0100 ${'78'.repeat(24)}00 00`,
  ],
  ['RESP yes', { type: 'resp', agree: true }, '20000000 01000000'],
  ['RESP no', { type: 'resp', agree: false }, '20000000 00000000'],
  ['TEXT', { type: 'text', text: encoder.encode('hi') }, '21000000 02000000 6869'],
  ['TEXT of nothing', { type: 'text', text: new Uint8Array(0) }, '21000000 00000000'],
  ['END', { type: 'end' }, '22000000'],
  ['DUMP', { type: 'dump' }, '5b000000'],
  ['SHUTDOWN', { type: 'shutdown' }, '5c000000'],
];

describe.each(golden)('%s', (_name, message, wire) => {
  const bytes = unhex(wire);

  it('has these bytes', () => {
    expect(hex(encodePeerMessage(message))).toBe(hex(bytes));
  });

  it('is read from them, whole and byte by byte, and with another behind it', () => {
    expect(decodeAll(bytes)).toEqual([{ message }]);
    expect(decodeAll(...bytewise(bytes))).toEqual([{ message }]);
    expect(decodeAll(Uint8Array.of(...bytes, ...unhex('15000000 2200')))).toEqual([
      { message },
      { message: { type: 'who' } },
    ]);
  });

  it('is nothing yet when cut short anywhere', () => {
    for (let length = 0; length < bytes.length; length += 1) {
      const decoder = new PeerMessageDecoder();
      expect([...decoder.push(bytes.subarray(0, length))]).toEqual([]);
      expect(decoder.begun).toBe(length > 0);
      expect([...decoder.push(bytes.subarray(length))]).toEqual([{ message }]);
      expect(decoder.begun).toBe(false);
    }
  });
});

/** UP with these bytes in the field of the name, and 0xff wherever the client did not care to write. */
function upNamed(name: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(36).fill(0xff);
  bytes.set(unhex('01000000 00000000'));
  bytes.set(name, 8);
  return bytes;
}

describe('names', () => {
  it.each([
    ['bob\0', 'bob'],
    ['bob\n\0', 'bob'],
    ['bob\r\n\0', 'bob'],
    ['\0', ''],
    ['\n\0', ''],
    [' bob \0', 'bob'],
    ['Bob B. \0', 'Bob B.'],
    ['grün\0', 'grün'],
    [`${'x'.repeat(24)}\0`, 'x'.repeat(24)],
  ])('%j reads as %j, whatever lies behind it', (field, name) => {
    expect(decodeAll(upNamed(encoder.encode(field)))).toEqual([{ message: { type: 'up', address: '0.0.0.0', name } }]);
  });

  it('that are no UTF-8 are read as far as they are', () => {
    expect(decodeAll(upNamed(unhex('67e9 00')))).toMatchObject([{ message: { name: 'g\ufffd' } }]);
  });

  it.each(['a\u001b[2J\0', 'a\nb\0', 'a\tb\0', '\u0007\0', 'a\u007f\0', 'a\u009b2J\0', 'a\u202e\0', '\ufeffbob\0'])(
    '%j is refused',
    (field) => {
      expect(decodeAll(upNamed(encoder.encode(field)))).toEqual([{ problem: 'a name with control characters' }]);
    },
  );

  it('without NUL are refused, in each struct that has one', () => {
    for (const type of ['01', '17', '1f']) {
      const bytes = new Uint8Array(36).fill(0x78);
      bytes.set(unhex(`${type}000000`));
      // The last bytes are padding: a NUL there is too late.
      bytes[type === '01' ? 33 : 35] = 0;
      expect(decodeAll(bytes)).toEqual([{ problem: 'a name without NUL' }]);
    }
  });

  it('fit when they have 1 to 24 bytes', () => {
    expect(isPeerName('')).toBe(false);
    expect(isPeerName('x'.repeat(24))).toBe(true);
    expect(isPeerName('x'.repeat(25))).toBe(false);
    expect(isPeerName('ü'.repeat(12))).toBe(true);
    expect(isPeerName('ü'.repeat(13))).toBe(false);
  });

  it('that do not fit are not written', () => {
    for (const name of ['', 'ü'.repeat(13)]) {
      expect(() => encodePeerMessage({ type: 'peer', address: '1.2.3.4', port: 1, name })).toThrow(RangeError);
    }
  });
});

describe('bytes that are no message', () => {
  it.each([
    ['00000000', 'no message has the type 0'],
    ['ffffffff', 'no message has the type -1'],
    ['01000001', 'no message has the type 16777217'],
    ['03000000', 'no message has the type 3'],
    ['21000000 ffffffff', 'a text cannot have -1 bytes'],
    ['21000000 00000080', 'a text cannot have -2147483648 bytes'],
    ['21000000 01040000', 'a text cannot have 1025 bytes'],
    ['21000000 ffffff7f', 'a text cannot have 2147483647 bytes'],
    ['16000000 ffffffff', 'a negative count'],
  ])('%s: one problem, and nothing more is taken', (wire, problem) => {
    const hostile = unhex(wire);
    const who = unhex('15000000');
    expect(decodeAll(hostile, who, who)).toEqual([{ problem }]);
    expect(decodeAll(Uint8Array.of(...who, ...hostile, ...who))).toEqual([{ message: { type: 'who' } }, { problem }]);
    expect(decodeAll(...bytewise(hostile), who)).toEqual([{ problem }]);
  });
});

describe('the decoder', () => {
  it('takes a text of the whole buffer', () => {
    const text = new Uint8Array(peerTextBytes).fill(0x61);
    expect(decodeAll(encodePeerMessage({ type: 'text', text }))).toEqual([{ message: { type: 'text', text } }]);
    expect(() => encodePeerMessage({ type: 'text', text: new Uint8Array(peerTextBytes + 1) })).toThrow(RangeError);
  });

  it('shares no memory with what comes in or goes out', () => {
    const decoder = new PeerMessageDecoder();
    const chunk = unhex('21000000 02000000 68');
    expect([...decoder.push(chunk)]).toEqual([]);
    chunk.fill(0);
    const [first] = [...decoder.push(unhex('69'))];
    expect([...decoder.push(unhex('21000000 02000000 7878'))]).toHaveLength(1);
    expect(first).toEqual({ message: { type: 'text', text: encoder.encode('hi') } });
  });

  it('takes only a 1 as a yes', () => {
    for (const agree of ['02000000', 'ffffffff', '00010000']) {
      expect(decodeAll(unhex(`20000000 ${agree}`))).toEqual([{ message: { type: 'resp', agree: false } }]);
    }
  });

  it('refuses to write what is no address', () => {
    for (const address of ['::1', '1.2.3', '1.2.3.256', 'localhost', '1.2.3.4.5', '1.2.3.x']) {
      expect(() => encodePeerMessage({ type: 'down', address, port: 1 })).toThrow(RangeError);
    }
  });
});

const address = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)).map((parts) => parts.join('.'));
const port = fc.nat(65_535);
const name = fc
  .string({ unit: 'binary', maxLength: 24 })
  .map((text) => plainLine(text.toWellFormed()).trim())
  .filter(isPeerName);
const message: fc.Arbitrary<PeerMessage> = fc.oneof(
  fc.record({ type: fc.constant('up' as const), address, name }),
  fc.record({ type: fc.constantFrom('down' as const, 'alive' as const), address, port }),
  fc.record({ type: fc.constant('ack' as const), port }),
  fc.record({ type: fc.constant('hdr' as const), count: fc.nat() }),
  fc.record({ type: fc.constantFrom('peer' as const, 'conn' as const), address, port, name }),
  fc.record({ type: fc.constant('resp' as const), agree: fc.boolean() }),
  fc.record({
    type: fc.constant('text' as const),
    text: fc.uint8Array({ maxLength: peerTextBytes }).map((bytes) => Uint8Array.from(bytes)),
  }),
  fc.record({ type: fc.constantFrom('nack' as const, 'who' as const, 'end' as const, 'dump' as const, 'shutdown') }),
);

const paddingFrom: Partial<Record<PeerMessage['type'], number>> = {
  up: 33,
  peer: 35,
  conn: 35,
  down: 10,
  alive: 10,
  ack: 6,
};

describe('any messages', () => {
  it('come back as they were, wherever the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 8 }), (messages, cuts) => {
        const bytes = Buffer.concat(messages.map(encodePeerMessage));
        const expected = messages.map((each) => ({ message: each }));
        const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
        const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
        expect(decodeAll(...chunks)).toEqual(expected);
        expect(decodeAll(...bytewise(bytes))).toEqual(expected);
      }),
    );
  });

  it('have the same meaning whatever their padding is', () => {
    fc.assert(
      fc.property(message, fc.nat(255), (each, junk) => {
        const bytes = encodePeerMessage(each);
        bytes.fill(junk, paddingFrom[each.type] ?? bytes.length);
        expect(decodeAll(bytes)).toEqual([{ message: each }]);
      }),
    );
  });
});

describe('noise', () => {
  it('never throws, ends with the first problem, and gives only what can be shown and written again', () => {
    const start = fc.constantFrom(...golden.map(([, , wire]) => unhex(wire).subarray(0, 4)), new Uint8Array(0));
    const chunk = fc
      .tuple(start, fc.uint8Array({ maxLength: 80 }))
      .map(([first, rest]) => Uint8Array.of(...first, ...rest));
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 6 }), (chunks) => {
        const all = decodeAll(...chunks);
        expect(decodeAll(...chunks.flatMap(bytewise))).toEqual(all);
        const problem = all.findIndex((each) => 'problem' in each);
        if (problem !== -1) expect(problem).toBe(all.length - 1);
        for (const each of all) {
          if ('problem' in each) continue;
          if ('name' in each.message) {
            expect(plainLine(each.message.name)).toBe(each.message.name);
            if (!isPeerName(each.message.name)) continue;
          }
          expect(decodeAll(encodePeerMessage(each.message))).toEqual([each]);
        }
      }),
    );
  });
});
