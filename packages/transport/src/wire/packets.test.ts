import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { InitiatorHandshake } from '../session/handshake-initiator.js';
import { receiveInitiation, respond } from '../session/handshake-responder.js';
import { nodeCrypto } from '../node/node-crypto.js';
import {
  dataHeader,
  decodeInitiationPayload,
  encodeInitiationPayload,
  initiationBytes,
  initiationHeader,
  Mac1,
  parseData,
  parseInitiation,
  parseResponse,
  punchPacket,
  responseBytes,
  responseHeader,
} from './packets.js';

interface Golden {
  initiatorStatic: string;
  initiatorEphemeral: string;
  responderStatic: string;
  responderEphemeral: string;
  psk: string;
  introductionId: string;
  timestamp: number;
  initiatorIndex: number;
  responderIndex: number;
  initiation: string;
  response: string;
  data: { from: 'initiator' | 'responder'; counter: number; frames: string; packet: string }[];
}

const golden = JSON.parse(readFileSync(join(import.meta.dirname, '../vectors/packets.json'), 'utf8')) as Golden;

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

function hex(value: Uint8Array): string {
  return Buffer.from(value).toString('hex');
}

describe('the golden packets', () => {
  const initiatorIdentity = nodeCrypto.keyAgreement(bytes(golden.initiatorStatic));
  const responderIdentity = nodeCrypto.keyAgreement(bytes(golden.responderStatic));
  const shared = { id: bytes(golden.introductionId), psk: bytes(golden.psk), candidates: [] };

  it('are what both sides make of the same keys, and both understand them', () => {
    const initiator = new InitiatorHandshake(
      { ...shared, peerKey: responderIdentity.publicKey, role: 'initiator' },
      {
        crypto: nodeCrypto,
        random: () => bytes(golden.initiatorEphemeral),
        identity: initiatorIdentity,
        index: golden.initiatorIndex,
        timestamp: golden.timestamp,
      },
    );
    expect(hex(initiator.packet)).toBe(golden.initiation);

    const received = receiveInitiation(parseInitiation(bytes(golden.initiation))!, {
      crypto: nodeCrypto,
      random: () => bytes(golden.responderEphemeral),
      identity: responderIdentity,
    })!;
    expect(received.payload).toEqual({ introductionId: shared.id, timestamp: golden.timestamp });
    expect(received.initiatorKey).toEqual(initiatorIdentity.publicKey);
    const responder = respond(
      received,
      { ...shared, peerKey: initiatorIdentity.publicKey, role: 'responder' },
      golden.responderIndex,
      nodeCrypto,
    );
    expect(hex(responder.packet)).toBe(golden.response);

    const protection = {
      initiator: initiator.finish(parseResponse(bytes(golden.response))!)!,
      responder: responder.protection,
    };
    expect(golden.data.length).toBeGreaterThanOrEqual(4);
    for (const { from, counter, frames, packet } of golden.data) {
      const to = from === 'initiator' ? 'responder' : 'initiator';
      expect(hex(protection[from].seal(counter, bytes(frames)))).toBe(packet);
      const parsed = parseData(bytes(packet))!;
      expect(parsed.counter).toBe(counter);
      expect(hex(protection[to].open(parsed)!)).toBe(frames);
      expect(protection[from].open(parsed)).toBeUndefined();
    }
  });

  it('have the sizes of the specification', () => {
    expect([initiationBytes, responseBytes]).toEqual([160, 92]);
    expect([bytes(golden.initiation).length, bytes(golden.response).length]).toEqual([160, 92]);
  });

  it('are parsed whole or not at all', () => {
    for (const [parse, packet] of [
      [parseInitiation, bytes(golden.initiation)],
      [parseResponse, bytes(golden.response)],
    ] as const) {
      for (let length = 0; length < packet.length; length += 1) {
        expect(parse(packet.subarray(0, length))).toBeUndefined();
      }
      expect(parse(Uint8Array.of(...packet, 0))).toBeUndefined();
      for (const at of [0, 1, 2, 3]) {
        const changed = packet.slice();
        changed[at]! ^= 0x80;
        expect(parse(changed)).toBeUndefined();
      }
    }
    const data = bytes(golden.data[0]!.packet);
    for (let length = 0; length < 33; length += 1) expect(parseData(data.subarray(0, length))).toBeUndefined();
    expect(parseData(data.subarray(0, 33))).toBeDefined();
  });
});

describe('headers', () => {
  const index = fc.integer({ min: 0, max: 2 ** 32 - 1 });

  it('come back as they were', () => {
    fc.assert(
      fc.property(
        index,
        index,
        fc.maxSafeNat(),
        fc.uint8Array({ minLength: 17, maxLength: 60 }),
        (a, b, counter, sealed) => {
          const data = parseData(Uint8Array.of(...dataHeader(a, counter), ...sealed));
          expect(data).toMatchObject({ receiverIndex: a, counter, sealed });
          const initiation = Uint8Array.of(...initiationHeader(a), ...new Uint8Array(152));
          expect(parseInitiation(initiation)?.senderIndex).toBe(a);
          const response = Uint8Array.of(...responseHeader(a, b), ...new Uint8Array(80));
          expect(parseResponse(response)).toMatchObject({ senderIndex: a, receiverIndex: b });
        },
      ),
    );
  });

  it('with a counter beyond 2^53 are refused', () => {
    const packet = Uint8Array.of(...dataHeader(1, 0), ...new Uint8Array(20));
    packet.set([0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 8);
    expect(parseData(packet)?.counter).toBe(2 ** 53 - 1);
    packet.set([0, 0x20, 0, 0, 0, 0, 0, 0], 8);
    expect(parseData(packet)).toBeUndefined();
  });

  it('never throw, whatever they are read from', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        parseInitiation(noise);
        parseResponse(noise);
        parseData(noise);
      }),
    );
  });
});

describe('the payload of an initiation', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.maxSafeNat(), (introductionId, timestamp) => {
        const payload = { introductionId, timestamp };
        expect(decodeInitiationPayload(encodeInitiationPayload(payload))).toEqual(payload);
      }),
    );
  });

  it('is refused with another length or a time beyond 2^53', () => {
    const encoded = encodeInitiationPayload({ introductionId: new Uint8Array(16), timestamp: 1 });
    expect(decodeInitiationPayload(encoded.subarray(0, 23))).toBeUndefined();
    expect(decodeInitiationPayload(Uint8Array.of(...encoded, 0))).toBeUndefined();
    encoded[16] = 0xff;
    expect(decodeInitiationPayload(encoded)).toBeUndefined();
  });
});

describe('mac1', () => {
  const mac1 = new Mac1(nodeCrypto, new Uint8Array(32).fill(5));

  it('covers every byte before it, and leaves no other mac2 than zero', () => {
    const packet = mac1.seal(Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5));
    expect(packet.length).toBe(5 + 32);
    expect(mac1.verify(packet)).toBe(true);
    for (let at = 0; at < packet.length; at += 1) {
      const changed = packet.slice();
      changed[at]! ^= 1;
      expect(mac1.verify(changed)).toBe(false);
    }
  });

  it('of another receiver does not fit', () => {
    const other = new Mac1(nodeCrypto, new Uint8Array(32).fill(6));
    expect(other.verify(mac1.seal(Uint8Array.of(1), Uint8Array.of(2)))).toBe(false);
  });
});

describe('a punch', () => {
  it('is nine bytes that say nothing', () => {
    expect(punchPacket(() => new Uint8Array(8).fill(7))).toEqual(Uint8Array.of(0x54, 7, 7, 7, 7, 7, 7, 7, 7));
  });
});
