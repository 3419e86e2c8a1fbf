import { SeededRandom } from '@parley/simulator';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { KeyEncapsulation } from '../crypto-provider.js';
import { closeCodes, Violation } from '../errors.js';
import { nodeCrypto } from '../node/node-crypto.js';
import type { Role } from '../noise/handshake.js';
import type { SentContent } from '../recovery/sent-packet.js';
import { ByteWriter } from '../wire/byte-writer.js';
import { readFrames, type FrameSink } from '../wire/frame-reader.js';
import { PostQuantumExchange } from './post-quantum-exchange.js';

interface Piece {
  readonly offset: number;
  readonly data: Uint8Array;
}

function exchange(role: Role, seed = role === 'initiator' ? 1 : 2): PostQuantumExchange {
  const random = new SeededRandom(seed);
  return new PostQuantumExchange({ role, crypto: nodeCrypto, random: (length) => random.bytes(length) });
}

function piecesIn(packet: Uint8Array): Piece[] {
  const pieces: Piece[] = [];
  const unexpected = (): never => {
    throw new Error('a frame that is not CRYPTO');
  };
  const sink: FrameSink = {
    onPing: unexpected,
    onAck: unexpected,
    onCrypto: (offset, data) => pieces.push({ offset, data: data.slice() }),
    onStream: unexpected,
    onMaxData: unexpected,
    onMaxStreamData: unexpected,
    onMaxStreams: unexpected,
    onResetStream: unexpected,
    onStopSending: unexpected,
    onDatagram: unexpected,
    onPathChallenge: unexpected,
    onPathResponse: unexpected,
    onClose: unexpected,
  };
  expect(readFrames(packet, sink)).toBe(true);
  return pieces;
}

/** One packet with room for so many bytes of frames. */
function packetOf(from: PostQuantumExchange, room = 1_168): { pieces: Piece[]; contents: SentContent[] } {
  const writer = new ByteWriter(new Uint8Array(room));
  const contents: SentContent[] = [];
  from.writeInto(writer, contents);
  return { pieces: writer.length > 0 ? piecesIn(writer.written()) : [], contents };
}

function deliver(to: PostQuantumExchange, pieces: readonly Piece[]): void {
  for (const { offset, data } of pieces) to.onCrypto(offset, data);
}

/** All of a side's message, put together. */
function messageOf(from: PostQuantumExchange): Uint8Array {
  const bytes: number[] = [];
  while (from.hasContent) {
    for (const { offset, data } of packetOf(from).pieces) {
      expect(offset).toBe(bytes.length);
      bytes.push(...data);
    }
  }
  return Uint8Array.from(bytes);
}

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('hex');
}

function codeOf(action: () => void): number | undefined {
  try {
    action();
  } catch (error) {
    if (error instanceof Violation) return error.code;
    throw error;
  }
  return undefined;
}

// One key pair and one ciphertext are enough for what is about pieces.
const publicKey = messageOf(exchange('initiator'));
const responderOfAll = exchange('responder');
responderOfAll.onCrypto(0, publicKey);
const ciphertext = messageOf(responderOfAll);
const secretHex = hex(responderOfAll.secret);

describe('PostQuantumExchange', () => {
  it('gives both the same secret, the responder first', () => {
    const [initiator, responder] = [exchange('initiator'), exchange('responder')];
    expect([initiator.hasContent, responder.hasContent]).toEqual([true, false]);
    expect([initiator.secret, responder.secret]).toEqual([undefined, undefined]);
    deliver(responder, packetOf(initiator).pieces);
    expect(responder.secret).toBeUndefined();
    deliver(responder, packetOf(initiator).pieces);
    expect([initiator.hasContent, responder.hasContent]).toEqual([false, true]);
    expect(responder.secret).toHaveLength(32);
    expect(initiator.secret).toBeUndefined();
    deliver(initiator, packetOf(responder).pieces);
    expect(hex(initiator.secret)).toBe(hex(responder.secret));
    expect(responder.hasContent).toBe(false);
  });

  it('has the lengths and the secret of the specification', () => {
    expect([publicKey.length, ciphertext.length]).toEqual([1_184, 1_088]);
    const random = new SeededRandom(1);
    const { secretKey } = nodeCrypto.mlKem768.generate((length) => random.bytes(length));
    const shared = nodeCrypto.mlKem768.decapsulate(ciphertext, secretKey);
    const { blake2s } = nodeCrypto;
    expect(secretHex).toBe(hex(blake2s.hmac(shared, blake2s.hash(publicKey, ciphertext))));
  });

  it('fits two packets there and one back', () => {
    const initiator = exchange('initiator');
    expect(packetOf(initiator).pieces).toHaveLength(1);
    expect(initiator.hasContent).toBe(true);
    expect(packetOf(initiator).pieces).toHaveLength(1);
    expect(initiator.hasContent).toBe(false);
    expect(packetOf(initiator)).toEqual({ pieces: [], contents: [] });
  });

  it('writes no crumbs where there is hardly any room', () => {
    const initiator = exchange('initiator');
    expect(packetOf(initiator, 66)).toEqual({ pieces: [], contents: [] });
    expect(packetOf(initiator, 0)).toEqual({ pieces: [], contents: [] });
    expect(packetOf(initiator, 68).pieces.map(({ data }) => data.length)).toEqual([64]);
    packetOf(initiator);
    // What is left at the end may be small.
    expect(packetOf(initiator, 1_184).pieces).toHaveLength(0);
    expect(initiator.hasContent).toBe(false);
  });

  it('puts together every split of the public key in two, in both orders', () => {
    // Encapsulation is slow, and not what is tested here.
    const mlKem768: KeyEncapsulation = {
      ...nodeCrypto.mlKem768,
      encapsulate: (key) =>
        hex(key) === hex(publicKey) ? { ciphertext, sharedSecret: new Uint8Array(32) } : undefined,
    };
    for (let at = 0; at <= publicKey.length; at += 1) {
      const start = { offset: 0, data: publicKey.subarray(0, at) };
      const end = { offset: at, data: publicKey.subarray(at) };
      for (const [first, second] of [
        [start, end],
        [end, start],
      ] as const) {
        const crypto = { blake2s: nodeCrypto.blake2s, mlKem768 };
        const responder = new PostQuantumExchange({ role: 'responder', crypto, random: (n) => new Uint8Array(n) });
        responder.onCrypto(first.offset, first.data);
        expect(responder.hasContent).toBe(first.data.length === publicKey.length);
        responder.onCrypto(second.offset, second.data);
        expect(responder.secret).toHaveLength(32);
      }
    }
  });

  it('puts together any pieces in any order, with duplicates and overlaps, and completes with the last', () => {
    const plan = fc.record({
      cuts: fc.uniqueArray(fc.integer({ min: 1, max: ciphertext.length - 1 }), { maxLength: 12 }),
      extra: fc.array(fc.tuple(fc.nat(ciphertext.length), fc.nat(ciphertext.length)), { maxLength: 6 }),
      keys: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 20, maxLength: 20 }),
    });
    fc.assert(
      fc.property(plan, ({ cuts, extra, keys }) => {
        const bounds = [0, ...cuts.sort((a, b) => a - b), ciphertext.length];
        const pieces: [number, number][] = bounds.slice(1).map((end, i) => [bounds[i]!, end]);
        for (const [a, b] of extra) pieces.push([Math.min(a, b), Math.max(a, b)]);
        const shuffled = pieces
          .map((piece, i) => ({ piece, key: keys[i]! }))
          .sort((a, b) => a.key - b.key)
          .map(({ piece }) => piece);
        const initiator = exchange('initiator');
        const seen = new Set<number>();
        for (const [start, end] of shuffled) {
          initiator.onCrypto(start, ciphertext.subarray(start, end));
          for (let i = start; i < end; i += 1) seen.add(i);
          expect(initiator.secret !== undefined).toBe(seen.size === ciphertext.length);
        }
        expect(hex(initiator.secret)).toBe(secretHex);
        deliver(initiator, [{ offset: 0, data: ciphertext }]);
        expect(hex(initiator.secret)).toBe(secretHex);
      }),
      { numRuns: 40 },
    );
  });

  it('takes 64 pieces that do not touch, however often they come, and no more', () => {
    const initiator = exchange('initiator');
    const piece = (i: number): Piece => ({ offset: 2 * i, data: ciphertext.subarray(2 * i, 2 * i + 1) });
    const pieces = Array.from({ length: 64 }, (_, i) => piece(i));
    deliver(initiator, pieces);
    deliver(initiator, pieces.toReversed());
    // Nothing, anywhere.
    for (let at = 0; at <= ciphertext.length; at += 1) initiator.onCrypto(at, new Uint8Array(0));
    // What closes a gap makes room for another piece.
    initiator.onCrypto(1, ciphertext.subarray(1, 2));
    initiator.onCrypto(2 * 64, piece(64).data);
    expect(
      codeOf(() => {
        initiator.onCrypto(2 * 65, piece(65).data);
      }),
    ).toBe(closeCodes.protocolViolation);
  });

  it('comes through any loss, duplication and spurious loss, in packets of any size', () => {
    const step = fc.record({
      room: fc.integer({ min: 0, max: 1_400 }),
      fate: fc.constantFrom('acknowledged', 'lost', 'delivered and lost', 'lost and late', 'twice'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const [initiator, responder] = [exchange('initiator'), exchange('responder')];
        const late: { pieces: Piece[]; contents: SentContent[] }[] = [];
        const arrive = ({ pieces, contents }: { pieces: Piece[]; contents: SentContent[] }): void => {
          deliver(responder, pieces);
          for (const content of contents) content.onAcknowledged();
        };
        for (const { room, fate } of steps) {
          const packet = packetOf(initiator, room);
          if (fate.startsWith('delivered') || fate === 'twice') deliver(responder, packet.pieces);
          if (fate.includes('lost')) for (const content of packet.contents) content.onLost();
          if (fate === 'acknowledged' || fate === 'twice') arrive(packet);
          if (fate === 'lost and late') late.push(packet);
          for (const content of packet.contents)
            expect(content.repeat(new ByteWriter(new Uint8Array(9_999)))).toBe(undefined);
        }
        late.forEach(arrive);
        for (let i = 0; i < 3 && initiator.hasContent; i += 1) arrive(packetOf(initiator));
        expect(initiator.hasContent && !initiator.isSentAndAcknowledged).toBe(false);
        expect(initiator.isSentAndAcknowledged).toBe(true);
        expect(hex(responder.secret)).toBe(secretHex);
      }),
      { numRuns: 40 },
    );
  });

  it('sends again what was lost, and nothing that has arrived', () => {
    const initiator = exchange('initiator');
    const [first, second] = [packetOf(initiator), packetOf(initiator)];
    first.contents[0]!.onAcknowledged();
    second.contents[0]!.onLost();
    expect(initiator.isSentAndAcknowledged).toBe(false);
    expect(packetOf(initiator).pieces).toEqual(second.pieces);
    // The loss was none, or both arrived; then the other loss is noticed.
    second.contents[0]!.onAcknowledged();
    expect(initiator.isSentAndAcknowledged).toBe(true);
    first.contents[0]!.onLost();
    second.contents[0]!.onLost();
    expect(initiator.hasContent).toBe(false);
  });

  it('does not repeat what counted as lost and has arrived before it was sent again', () => {
    const initiator = exchange('initiator');
    const [first, second] = [packetOf(initiator), packetOf(initiator)];
    for (const content of [...first.contents, ...second.contents]) content.onLost();
    first.contents[0]!.onAcknowledged();
    expect(packetOf(initiator).pieces).toEqual(second.pieces);
    expect(initiator.hasContent).toBe(false);
  });

  it('never completes when the messages are stripped, or a byte is missing', () => {
    const [initiator, responder] = [exchange('initiator'), exchange('responder')];
    responder.onCrypto(1, publicKey.subarray(1));
    expect([responder.secret, responder.hasContent]).toEqual([undefined, false]);
    initiator.onCrypto(0, ciphertext.subarray(0, -1));
    expect([initiator.secret, initiator.isSentAndAcknowledged]).toEqual([undefined, false]);
  });

  it.each([0, 1, 700, 1_087])('gives two secrets when a bit of byte %i of the ciphertext is flipped', (at) => {
    const initiator = exchange('initiator');
    const bent = ciphertext.slice();
    bent[at] = bent[at]! ^ 1;
    initiator.onCrypto(0, bent);
    expect(initiator.secret).toHaveLength(32);
    expect(hex(initiator.secret)).not.toBe(secretHex);
  });

  it('gives two secrets when a bit of the public key is flipped, or it is refused', () => {
    for (const at of [0, 400, 1_160]) {
      const [initiator, responder] = [exchange('initiator'), exchange('responder')];
      const bent = publicKey.slice();
      bent[at] = bent[at]! ^ 1;
      const code = codeOf(() => {
        responder.onCrypto(0, bent);
      });
      if (code === undefined) {
        initiator.onCrypto(0, messageOf(responder));
        expect(initiator.secret).toHaveLength(32);
        expect(hex(initiator.secret)).not.toBe(hex(responder.secret));
      } else {
        expect(code).toBe(closeCodes.protocolViolation);
        expect(responder.secret).toBeUndefined();
      }
    }
  });

  it('refuses a public key that is none', () => {
    const responder = exchange('responder');
    // Coefficients of 4,095 are beyond the modulus (FIPS 203, section 7.2).
    expect(
      codeOf(() => {
        responder.onCrypto(0, new Uint8Array(1_184).fill(255));
      }),
    ).toBe(closeCodes.protocolViolation);
    expect([responder.secret, responder.hasContent]).toEqual([undefined, false]);
  });

  it.each<[Role, Uint8Array]>([
    ['initiator', ciphertext],
    ['responder', publicKey],
  ])('refuses what goes beyond the message, at the %s', (role, message) => {
    const side = exchange(role);
    const { length } = message;
    for (const [offset, size] of [
      [length, 1],
      [0, length + 1],
      [length - 1, 2],
      [length + 1, 0],
      [Number.MAX_SAFE_INTEGER - 1, 1],
    ] as const) {
      expect(
        codeOf(() => {
          side.onCrypto(offset, new Uint8Array(size));
        }),
      ).toBe(closeCodes.protocolViolation);
    }
    side.onCrypto(length, new Uint8Array(0));
    side.onCrypto(0, message);
    expect(hex(side.secret)).toBe(secretHex);
  });

  it('refuses other bytes where some have come, and when it is complete ignores all', () => {
    const side = exchange('initiator');
    side.onCrypto(100, ciphertext.subarray(100, 200));
    side.onCrypto(300, ciphertext.subarray(300, 400));
    const bent = ciphertext.slice();
    bent[350] = bent[350]! ^ 0x80;
    const contradiction = (): void => {
      side.onCrypto(50, bent.subarray(50, 500));
    };
    expect(codeOf(contradiction)).toBe(closeCodes.protocolViolation);
    side.onCrypto(0, ciphertext);
    expect(hex(side.secret)).toBe(secretHex);
    contradiction();
    side.onCrypto(50, ciphertext.subarray(50, 500));
    expect(hex(side.secret)).toBe(secretHex);
  });

  it('overwrites its secrets, and still answers to what comes late', () => {
    const [initiator, responder] = [exchange('initiator'), exchange('responder')];
    for (const side of [initiator, responder]) {
      const other = side === initiator ? responder : initiator;
      while (side.hasContent) {
        const { pieces, contents } = packetOf(side);
        deliver(other, pieces);
        for (const content of contents) content.onAcknowledged();
      }
    }
    const { contents } = packetOf(responder);
    expect(contents).toEqual([]);
    const secrets = [initiator.secret!, responder.secret!];
    expect(secrets.map(hex)).toEqual([secretHex, secretHex]);
    for (const side of [initiator, responder]) {
      side.erase();
      expect([side.secret, side.isSentAndAcknowledged, side.hasContent]).toEqual([undefined, true, false]);
    }
    expect(secrets.map(hex)).toEqual(['00'.repeat(32), '00'.repeat(32)]);
    initiator.onCrypto(0, ciphertext);
    responder.onCrypto(0, publicKey);
    expect([initiator.secret, responder.secret]).toEqual([undefined, undefined]);
    const abandoned = exchange('responder');
    abandoned.erase();
    abandoned.onCrypto(0, publicKey);
    expect([abandoned.secret, abandoned.isSentAndAcknowledged]).toEqual([undefined, false]);
  });
});
