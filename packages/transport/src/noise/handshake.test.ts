import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { HashFunction } from '../crypto-provider.js';
import { counterNonce } from '../crypto-provider.js';
import { nodeCrypto } from '../node/node-crypto.js';
import { nodeHash } from '../node/node-hash.js';
import { Handshake, patternIKpsk2, type HandshakePattern, type Role } from './handshake.js';

/** The format of the cacophony vectors; all bytes in hex. */
interface Vector {
  protocol_name: string;
  init_prologue: string;
  init_psks?: string[];
  init_static?: string;
  init_ephemeral: string;
  init_remote_static?: string;
  resp_prologue: string;
  resp_psks?: string[];
  resp_static?: string;
  resp_ephemeral?: string;
  resp_remote_static?: string;
  handshake_hash: string;
  messages: { payload: string; ciphertext: string }[];
}

const patterns = new Map<string, HandshakePattern>(
  (
    [
      { name: 'N', known: ['responder'], messages: [['e', 'es']] },
      { name: 'K', known: ['initiator', 'responder'], messages: [['e', 'es', 'ss']] },
      { name: 'X', known: ['responder'], messages: [['e', 'es', 's', 'ss']] },
      {
        name: 'NK',
        known: ['responder'],
        messages: [
          ['e', 'es'],
          ['e', 'ee'],
        ],
      },
      {
        name: 'KK',
        known: ['initiator', 'responder'],
        messages: [
          ['e', 'es', 'ss'],
          ['e', 'ee', 'se'],
        ],
      },
      {
        name: 'IK',
        known: ['responder'],
        messages: [
          ['e', 'es', 's', 'ss'],
          ['e', 'ee', 'se'],
        ],
      },
      { name: 'XX', known: [], messages: [['e'], ['e', 'ee', 's', 'es'], ['s', 'se']] },
      { name: 'XXpsk3', known: [], messages: [['e'], ['e', 'ee', 's', 'es'], ['s', 'se', 'psk']] },
      {
        name: 'IKpsk1',
        known: ['responder'],
        messages: [
          ['e', 'es', 's', 'ss', 'psk'],
          ['e', 'ee', 'se'],
        ],
      },
      patternIKpsk2,
    ] satisfies HandshakePattern[]
  ).map((pattern) => [pattern.name, pattern]),
);

const hashes = new Map<string, HashFunction>([
  ['BLAKE2s', nodeCrypto.blake2s],
  ['BLAKE2b', nodeHash('BLAKE2b', 'blake2b512', 64)],
  ['SHA256', nodeHash('SHA256', 'sha256', 32)],
  ['SHA512', nodeHash('SHA512', 'sha512', 64)],
]);

const packageRoot = join(import.meta.dirname, '..', '..');
const publicVectors = join(packageRoot, '../../../shared/vectors/noise-cacophony-25519-chachapoly.json');
const ownVectors = join(packageRoot, 'vectors/noise-ikpsk2.json');

function readVectors(path: string): Vector[] {
  return (JSON.parse(readFileSync(path, 'utf8')) as { vectors: Vector[] }).vectors;
}

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

function hex(value: Uint8Array | undefined): string | undefined {
  return value && Buffer.from(value).toString('hex');
}

function handshakeOf(vector: Vector, role: Role): Handshake {
  const [, patternName = '', , , hashName = ''] = vector.protocol_name.split('_');
  const pattern = patterns.get(patternName);
  const hash = hashes.get(hashName);
  if (!pattern || !hash) throw new Error(`cannot run ${vector.protocol_name}`);
  const ours =
    role === 'initiator'
      ? {
          prologue: vector.init_prologue,
          psk: vector.init_psks?.[0],
          static: vector.init_static,
          ephemeral: vector.init_ephemeral,
          remoteStatic: vector.init_remote_static,
        }
      : {
          prologue: vector.resp_prologue,
          psk: vector.resp_psks?.[0],
          static: vector.resp_static,
          // One-way patterns have none; a responder that never writes does not use it.
          ephemeral: vector.resp_ephemeral ?? '11'.repeat(32),
          remoteStatic: vector.resp_remote_static,
        };
  const agreement = (key: string | undefined) => (key === undefined ? undefined : nodeCrypto.keyAgreement(bytes(key)));
  return new Handshake({
    crypto: nodeCrypto,
    hash,
    pattern,
    role,
    prologue: bytes(ours.prologue),
    ephemeral: () => nodeCrypto.keyAgreement(bytes(ours.ephemeral)),
    static: agreement(ours.static),
    remoteStatic: ours.remoteStatic === undefined ? undefined : bytes(ours.remoteStatic),
    psk: ours.psk === undefined ? undefined : bytes(ours.psk),
  });
}

function run(vector: Vector): void {
  const initiator = handshakeOf(vector, 'initiator');
  const responder = handshakeOf(vector, 'responder');
  const count = patterns.get(vector.protocol_name.split('_')[1] ?? '')?.messages.length ?? 0;
  vector.messages.slice(0, count).forEach(({ payload, ciphertext }, i) => {
    const [writer, reader] = i % 2 === 0 ? [initiator, responder] : [responder, initiator];
    const message = writer.writeMessage(bytes(payload));
    expect(hex(message)).toBe(ciphertext);
    expect(hex(reader.readMessage(message))).toBe(payload);
  });
  expect(hex(initiator.transcript)).toBe(vector.handshake_hash);
  expect(hex(responder.transcript)).toBe(vector.handshake_hash);
  expect(initiator.split()).toEqual(responder.split());

  const { fromInitiator, fromResponder } = initiator.split();
  const counters = { initiator: 0, responder: 0 };
  const empty = new Uint8Array(0);
  vector.messages.slice(count).forEach(({ payload, ciphertext }, i) => {
    const sender: Role = count === 1 || (count + i) % 2 === 0 ? 'initiator' : 'responder';
    const aead = nodeCrypto.aead(sender === 'initiator' ? fromInitiator : fromResponder);
    expect(hex(aead.seal(counterNonce(counters[sender]++), empty, bytes(payload)))).toBe(ciphertext);
  });
}

describe('the vectors of our own making', () => {
  const vectors = readVectors(ownVectors);

  it('are there', () => {
    expect(vectors.length).toBeGreaterThanOrEqual(3);
  });

  it.each(vectors.map((vector, i) => [i, vector] as const))('number %i', (_, vector) => {
    run(vector);
  });
});

describe('the public cacophony vectors', () => {
  if (!existsSync(publicVectors)) {
    console.warn('skipped: ../shared/vectors/noise-cacophony-25519-chachapoly.json is not there');
    it.skip('are not there', () => undefined);
    return;
  }
  const vectors = readVectors(publicVectors);

  it('include our protocol', () => {
    expect(vectors.map(({ protocol_name }) => protocol_name)).toContain('Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s');
  });

  it.each(vectors.map((vector) => [vector.protocol_name, vector] as const))('%s', (_, vector) => {
    run(vector);
  });
});

describe('a handshake', () => {
  const vector = readVectors(ownVectors)[0]!;
  const payload = Uint8Array.of(1, 2, 3);

  it('refuses a message with any bit flipped, and then still takes the true one', () => {
    const message = handshakeOf(vector, 'initiator').writeMessage(payload);
    const responder = handshakeOf(vector, 'responder');
    const transcript = responder.transcript;
    for (let bit = 0; bit < message.length * 8; bit += 1) {
      const forged = message.slice();
      forged[bit >> 3]! ^= 1 << (bit & 7);
      // The top bit of an X25519 key means nothing (RFC 7748, section 5), but the transcript covers it.
      expect(responder.readMessage(forged)).toBeUndefined();
    }
    expect(responder.transcript).toEqual(transcript);
    expect(responder.remoteStatic).toBeUndefined();
    expect(responder.readMessage(message)).toEqual(payload);
  });

  it('refuses every truncation', () => {
    const message = handshakeOf(vector, 'initiator').writeMessage(payload);
    for (let length = 0; length < message.length; length += 1) {
      expect(handshakeOf(vector, 'responder').readMessage(message.subarray(0, length))).toBeUndefined();
    }
  });

  it('refuses an ephemeral key of small order', () => {
    const message = handshakeOf(vector, 'initiator').writeMessage(payload);
    message.fill(0, 0, 32);
    expect(handshakeOf(vector, 'responder').readMessage(message)).toBeUndefined();
  });

  it('authenticates the bytes before the message', () => {
    const header = Uint8Array.of(9, 9);
    const message = handshakeOf(vector, 'initiator').writeMessage(payload, header);
    expect(handshakeOf(vector, 'responder').readMessage(message)).toBeUndefined();
    expect(handshakeOf(vector, 'responder').readMessage(message, Uint8Array.of(9, 8))).toBeUndefined();
    expect(handshakeOf(vector, 'responder').readMessage(message, header)).toEqual(payload);
  });

  it.each([
    ['psk', { resp_psks: ['00'.repeat(32)] }],
    ['prologue', { resp_prologue: '00' }],
    ['static key', { resp_static: '22'.repeat(32) }],
  ] as const)('fails with another %s on one side', (_, change) => {
    const initiator = handshakeOf(vector, 'initiator');
    const responder = handshakeOf({ ...vector, ...change } as Vector, 'responder');
    const read = responder.readMessage(initiator.writeMessage(payload));
    // The psk enters with the second message only.
    const finished = read && initiator.readMessage(responder.writeMessage(payload));
    expect(finished).toBeUndefined();
  });
});
