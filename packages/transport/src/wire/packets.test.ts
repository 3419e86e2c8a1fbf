import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { counterNonce } from '../crypto-provider.js';
import { nodeCrypto } from '../node/node-crypto.js';
import { cookieReplyReceiver } from '../session/cookies.js';
import { fromHex, hex, makeGoldenPackets, type GoldenPackets } from '../testing/golden-packets.js';
import {
  counterOf,
  dataHeaderBytes,
  decodeInitiationPayload,
  encodeInitiationPayload,
  hasNoMac2,
  initiationHeader,
  isDataPacket,
  Mac1,
  parseInitiation,
  parseResponse,
  phaseOf,
  punchPacket,
  receiverIndexOf,
  responseHeader,
  writeDataHeader,
} from './packets.js';

const goldenPath = join(import.meta.dirname, '../../vectors/packets.json');
const about =
  'The packets of one link as docs/protocol/transport.md specifies them, with all keys and secrets; bytes in hex. ' +
  '`input` is what an implementation draws at random; X25519 keys there are private keys. ' +
  'UPDATE_VECTORS=1 makes the rest anew when the tests of packages/transport/src/wire/packets.test.ts run.';
const readGolden = () => JSON.parse(readFileSync(goldenPath, 'utf8')) as GoldenPackets;
if (process.env.UPDATE_VECTORS === '1') {
  const packets = { about, ...makeGoldenPackets(readGolden().input) };
  writeFileSync(
    goldenPath,
    `${JSON.stringify(packets, null, 2)}
`,
  );
}
const golden = readGolden();

describe('the golden packets', () => {
  it('are what both sides make of the same keys, and both understand them', () => {
    expect({ about, ...makeGoldenPackets(golden.input) }).toEqual(golden);
  });

  it('of data open under the keys that stand beside them, each in its direction and phase only', () => {
    expect(golden.data.map(({ epoch, phase, from }) => `${String(epoch)} ${String(phase)} ${from}`)).toEqual([
      '0 0 initiator',
      '0 0 initiator',
      '0 0 responder',
      '0 1 initiator',
      '0 1 responder',
      '0 1 initiator',
      '1 1 initiator',
      '1 1 responder',
      '1 1 initiator',
    ]);
    for (const { epoch, phase, from, counter, frames, packet } of golden.data) {
      const bytes = fromHex(packet);
      const opening = golden.handshakes.flatMap((handshake) =>
        [handshake.phase0, handshake.phase1].flatMap((keys, i) =>
          Object.entries(keys ?? {}).flatMap(([direction, key]: [string, string]) => {
            const header = bytes.subarray(0, dataHeaderBytes);
            const aead = nodeCrypto.aead(fromHex(key));
            const opened = aead.open(counterNonce(counter), header, bytes.subarray(dataHeaderBytes));
            return opened ? [{ epoch: handshake.epoch, phase: i, direction, frames: hex(opened) }] : [];
          }),
        ),
      );
      const direction = from === 'initiator' ? 'fromInitiator' : 'fromResponder';
      expect(opening).toEqual([{ epoch, phase, direction, frames }]);
      const { initiatorIndex, responderIndex } = golden.input.handshakes[epoch]!;
      expect(isDataPacket(bytes)).toBe(true);
      expect(phaseOf(bytes)).toBe(phase);
      expect(counterOf(bytes)).toBe(counter);
      expect(receiverIndexOf(bytes)).toBe(from === 'initiator' ? responderIndex : initiatorIndex);
    }
  });

  it('have the secrets of the specification', () => {
    const { encapsulationKey, ciphertext, sharedSecret, secret } = golden.postQuantum;
    const { blake2s } = nodeCrypto;
    const transcript = blake2s.hash(fromHex(encapsulationKey), fromHex(ciphertext));
    expect(hex(blake2s.hmac(fromHex(sharedSecret), transcript))).toBe(secret);
    const [first, second] = golden.handshakes;
    expect(first?.psk).toBe(golden.input.psk);
    expect(second?.psk).toBe(first?.next);
    expect(second?.phase0).toBeUndefined();
  });

  it('carry mac1 and mac2 as specified', () => {
    const { blake2s } = nodeCrypto;
    const { initiatorStatic, responderStatic } = golden.input;
    const macOf = (receiver: string, packet: Uint8Array): string => {
      const { publicKey } = nodeCrypto.keyAgreement(fromHex(receiver));
      const key = blake2s.hash(Buffer.from('parley mac1'), publicKey);
      return hex(blake2s.hmac(key, packet.subarray(0, -32)).subarray(0, 16));
    };
    for (const { initiation, response } of golden.handshakes) {
      expect(initiation.slice(-64)).toBe(macOf(responderStatic, fromHex(initiation)) + '00'.repeat(16));
      expect(response.slice(-64)).toBe(macOf(initiatorStatic, fromHex(response)) + '00'.repeat(16));
    }
    const { cookie, initiation } = golden.cookie;
    const packet = fromHex(initiation);
    expect(hex(packet.subarray(0, -16))).toBe(golden.handshakes[0]!.initiation.slice(0, -32));
    expect(hex(packet.subarray(-16))).toBe(hex(blake2s.hmac(fromHex(cookie), packet.subarray(0, -16)).subarray(0, 16)));
  });

  it('have the sizes of the specification', () => {
    for (const { initiation, response } of golden.handshakes) {
      expect([fromHex(initiation).length, fromHex(response).length]).toEqual([164, 92]);
    }
    expect(fromHex(golden.cookie.reply).length).toBe(64);
    expect(fromHex(golden.postQuantum.encapsulationKey).length).toBe(1_184);
    expect(fromHex(golden.postQuantum.ciphertext).length).toBe(1_088);
    expect(golden.data.every(({ frames, packet }) => packet.length - frames.length === 2 * 32)).toBe(true);
  });

  it('are parsed whole or not at all', () => {
    const { initiation, response } = golden.handshakes[0]!;
    for (const [parse, packet] of [
      [parseInitiation, fromHex(initiation)],
      [parseResponse, fromHex(response)],
      [cookieReplyReceiver, fromHex(golden.cookie.reply)],
    ] as const) {
      expect(parse(packet)).toBeDefined();
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
    const data = fromHex(golden.data[0]!.packet);
    for (let length = 0; length < 33; length += 1) expect(isDataPacket(data.subarray(0, length))).toBe(false);
    expect(isDataPacket(data.subarray(0, 33))).toBe(true);
    for (let bit = 0; bit < 32; bit += 1) {
      const changed = data.slice();
      changed[bit >> 3]! ^= 0x80 >> (bit & 7);
      // The lowest bit of the phase makes another phase of it, and not another packet.
      expect(isDataPacket(changed)).toBe(bit === 15);
    }
  });
});

describe('headers', () => {
  const index = fc.integer({ min: 0, max: 2 ** 32 - 1 });

  it('come back as they were', () => {
    fc.assert(
      fc.property(index, index, fc.maxSafeNat(), fc.constantFrom(0, 1), (a, b, counter, phase) => {
        const data = new Uint8Array(40).fill(0xff);
        writeDataHeader(data, phase, a, counter);
        expect(isDataPacket(data)).toBe(true);
        expect([phaseOf(data), receiverIndexOf(data), counterOf(data)]).toEqual([phase, a, counter]);
        const initiation = Uint8Array.of(...initiationHeader(a), ...new Uint8Array(156));
        expect(parseInitiation(initiation)?.senderIndex).toBe(a);
        const response = Uint8Array.of(...responseHeader(a, b), ...new Uint8Array(80));
        expect(parseResponse(response)).toMatchObject({ senderIndex: a, receiverIndex: b });
      }),
    );
  });

  it('with a counter beyond 2^53 are refused', () => {
    const packet = new Uint8Array(40);
    writeDataHeader(packet, 1, 1, 0);
    packet.set([0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 8);
    expect([isDataPacket(packet), counterOf(packet)]).toEqual([true, 2 ** 53 - 1]);
    packet.set([0, 0x20, 0, 0, 0, 0, 0, 0], 8);
    expect(isDataPacket(packet)).toBe(false);
    packet.set([1, 0, 0, 0, 0, 0, 0, 0], 8);
    expect(isDataPacket(packet)).toBe(false);
  });

  it('never throw, whatever they are read from', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        parseInitiation(noise);
        parseResponse(noise);
        isDataPacket(noise);
        cookieReplyReceiver(noise);
      }),
    );
  });
});

describe('the payload of an initiation', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.maxSafeNat(),
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        (introductionId, timestamp, epoch) => {
          const payload = { introductionId, timestamp, epoch };
          expect(decodeInitiationPayload(encodeInitiationPayload(payload))).toEqual(payload);
        },
      ),
    );
  });

  it('has the bytes of the specification', () => {
    const introductionId = new Uint8Array(16).fill(0xab);
    expect(hex(encodeInitiationPayload({ introductionId, timestamp: 0x0102030405, epoch: 7 }))).toBe(
      'ab'.repeat(16) + '0000000102030405' + '00000007',
    );
  });

  it('is refused with another length or a time beyond 2^53', () => {
    const encoded = encodeInitiationPayload({ introductionId: new Uint8Array(16), timestamp: 1, epoch: 0 });
    for (let length = 0; length < encoded.length; length += 1) {
      expect(decodeInitiationPayload(encoded.subarray(0, length))).toBeUndefined();
    }
    expect(decodeInitiationPayload(Uint8Array.of(...encoded, 0))).toBeUndefined();
    encoded[16] = 0xff;
    expect(decodeInitiationPayload(encoded)).toBeUndefined();
  });
});

describe('mac1', () => {
  const mac1 = new Mac1(nodeCrypto, new Uint8Array(32).fill(5));

  it('covers every byte before it, and mac2 none of its business', () => {
    const packet = mac1.seal(Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5));
    expect(packet.length).toBe(5 + 32);
    expect(mac1.verify(packet)).toBe(true);
    expect(hasNoMac2(packet)).toBe(true);
    for (let at = 0; at < packet.length; at += 1) {
      const changed = packet.slice();
      changed[at]! ^= 1;
      expect(mac1.verify(changed)).toBe(at >= packet.length - 16);
      expect(hasNoMac2(changed)).toBe(at < packet.length - 16);
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
