/**
 * ML-KEM-768 inside the session that the Noise handshake has begun, so that traffic that is recorded today stays secret
 * from a quantum computer to come. The initiator of the introduction sends its public key (1,184 bytes), the responder
 * answers with a ciphertext (1,088 bytes), each in CRYPTO frames from offset 0 of its direction.
 *
 *     secret = HMAC-BLAKE2s(shared secret, BLAKE2s-256(public key · ciphertext))
 *
 * Both sides must do it before content flows: when it is stripped they never get there, and when it is changed on the
 * way their secrets differ, and so all keys that are made from them.
 */
import type { CryptoProvider, RandomSource } from '../crypto-provider.js';
import { closeCodes, Violation } from '../errors.js';
import type { Role } from '../noise/handshake.js';
import { RangeSet } from '../range-set.js';
import type { SentContent } from '../recovery/sent-packet.js';
import type { ByteWriter } from '../wire/byte-writer.js';
import { cryptoFrameOverhead, writeCrypto } from '../wire/frame-writer.js';

const publicKeyBytes = 1_184;
const ciphertextBytes = 1_088;
/** Whoever leaves more gaps in so short a message does so to cost us something. */
const maxPieces = 64;
/** Less than this is not worth a frame, unless it is all there is. */
const smallestPieceBytes = 64;

export interface PostQuantumOptions {
  readonly role: Role;
  readonly crypto: Pick<CryptoProvider, 'blake2s' | 'mlKem768'>;
  readonly random: RandomSource;
}

export class PostQuantumExchange {
  readonly #options: PostQuantumOptions;
  readonly #incoming: IncomingMessage;
  #outgoing: OutgoingMessage | undefined;
  /** The initiator's, until the ciphertext has come. */
  #secretKey: Uint8Array | undefined;
  #secret: Uint8Array | undefined;
  #isErased = false;
  /** Our message has arrived and is of no more use. */
  #isReleased = false;

  /** The initiator makes its keys here, which takes about as long as a few Diffie-Hellmans. */
  constructor(options: PostQuantumOptions) {
    this.#options = options;
    this.#incoming = new IncomingMessage(options.role === 'initiator' ? ciphertextBytes : publicKeyBytes);
    if (options.role === 'responder') return;
    const { publicKey, secretKey } = options.crypto.mlKem768.generate(options.random);
    this.#secretKey = secretKey;
    this.#outgoing = new OutgoingMessage(publicKey);
  }

  /** 32 bytes: the responder has them once it has the public key, the initiator once it has the ciphertext. */
  get secret(): Uint8Array | undefined {
    return this.#secret;
  }

  /** Whether there is something to write now. */
  get hasContent(): boolean {
    return this.#outgoing?.hasContent ?? false;
  }

  /** Whether the peer has all of our message. When we have the secret too, that means that both have it. */
  get isSentAndAcknowledged(): boolean {
    return this.#outgoing?.isAcknowledged ?? this.#isReleased;
  }

  /** Writes CRYPTO frames, as much as there is room for; what was lost again. */
  writeInto(writer: ByteWriter, contents: SentContent[]): void {
    this.#outgoing?.writeInto(writer, contents);
  }

  /**
   * A CRYPTO frame came.
   * @throws Violation for bytes beyond the message, for others than came before at the same place of what is not complete, for more than 64
   * pieces that do not touch, and for a public key that is none
   */
  onCrypto(offset: number, data: Uint8Array): void {
    const message = this.#incoming.receive(offset, data);
    if (!message || this.#isErased) return;
    if (this.#options.role === 'initiator') this.#decapsulate(message);
    else this.#encapsulate(message);
  }

  /**
   * Overwrites the secrets; to be called when they are mixed into the keys, or the link has ended. What is left answers
   * to late frames, and goes on sending what is not acknowledged.
   */
  erase(): void {
    this.#isErased = true;
    this.#secretKey?.fill(0);
    this.#secretKey = undefined;
    this.#secret?.fill(0);
    this.#secret = undefined;
    if (!this.#outgoing?.isAcknowledged) return;
    this.#outgoing = undefined;
    this.#isReleased = true;
  }

  #decapsulate(ciphertext: Uint8Array): void {
    if (!this.#secretKey || !this.#outgoing) return;
    const sharedSecret = this.#options.crypto.mlKem768.decapsulate(ciphertext, this.#secretKey);
    this.#secretKey.fill(0);
    this.#secretKey = undefined;
    this.#mix(this.#outgoing.bytes, ciphertext, sharedSecret);
    // Who could answer the public key has it, acknowledged or not.
    this.#outgoing = undefined;
    this.#isReleased = true;
  }

  #encapsulate(publicKey: Uint8Array): void {
    const encapsulated = this.#options.crypto.mlKem768.encapsulate(publicKey, this.#options.random);
    if (!encapsulated) throw violation('a public key of ML-KEM-768 that is none');
    const { ciphertext, sharedSecret } = encapsulated;
    this.#outgoing = new OutgoingMessage(ciphertext);
    this.#mix(publicKey, ciphertext, sharedSecret);
  }

  #mix(publicKey: Uint8Array, ciphertext: Uint8Array, sharedSecret: Uint8Array): void {
    const { blake2s } = this.#options.crypto;
    this.#secret = blake2s.hmac(sharedSecret, blake2s.hash(publicKey, ciphertext));
    sharedSecret.fill(0);
  }
}

/** A message of known length, put together from pieces in any order. */
class IncomingMessage {
  readonly #length: number;
  /** Only when it comes in pieces; those that do not touch are ranges of their own. */
  #bytes: Uint8Array | undefined;
  #received: RangeSet | undefined;
  #isComplete = false;

  constructor(length: number) {
    this.#length = length;
  }

  /** @returns the message, when this piece was the last that was missing; it may be the piece itself */
  receive(offset: number, data: Uint8Array): Uint8Array | undefined {
    const end = offset + data.length;
    if (end > this.#length) throw violation('CRYPTO beyond its message');
    if (this.#isComplete) return undefined;
    this.#isComplete = data.length === this.#length;
    if (this.#isComplete && !this.#bytes) return data;
    const bytes = (this.#bytes ??= new Uint8Array(this.#length));
    const received = (this.#received ??= new RangeSet());
    for (const range of received.ascending()) {
      for (let at = Math.max(range.start, offset); at < Math.min(range.end, end); at += 1) {
        if (bytes[at] !== data[at - offset]) throw violation('CRYPTO that contradicts itself');
      }
    }
    bytes.set(data, offset);
    received.add(offset, end);
    if (received.size > maxPieces) throw violation('CRYPTO in too many pieces');
    this.#isComplete = covers(received, this.#length);
    if (!this.#isComplete) return undefined;
    this.#bytes = undefined;
    this.#received = undefined;
    return bytes;
  }
}

/** A message to be sent until all of it is acknowledged. */
class OutgoingMessage {
  readonly bytes: Uint8Array;
  /** To be sent, for the first time or again. */
  readonly #waiting = new RangeSet();
  readonly #acknowledged = new RangeSet();

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#waiting.add(0, bytes.length);
  }

  get hasContent(): boolean {
    return this.#waiting.size > 0;
  }

  get isAcknowledged(): boolean {
    return covers(this.#acknowledged, this.bytes.length);
  }

  writeInto(writer: ByteWriter, contents: SentContent[]): void {
    for (let range = this.#waiting.first; range; range = this.#waiting.first) {
      const { start } = range;
      const available = range.end - start;
      const room = writer.room - cryptoFrameOverhead(start, available);
      const length = Math.min(available, room);
      if (length < Math.min(available, smallestPieceBytes)) return;
      writeCrypto(writer, start, this.bytes.subarray(start, start + length));
      this.#waiting.remove(start, start + length);
      contents.push(new CryptoPiece(this, start, start + length));
    }
  }

  onAcknowledged(start: number, end: number): void {
    this.#acknowledged.add(start, end);
    this.#waiting.remove(start, end);
  }

  onLost(start: number, end: number): void {
    this.#waiting.add(start, end);
    for (const range of this.#acknowledged.ascending()) this.#waiting.remove(range.start, range.end);
  }
}

class CryptoPiece implements SentContent {
  readonly #message: OutgoingMessage;
  readonly #start: number;
  readonly #end: number;

  constructor(message: OutgoingMessage, start: number, end: number) {
    this.#message = message;
    this.#start = start;
    this.#end = end;
  }

  onAcknowledged(): void {
    this.#message.onAcknowledged(this.#start, this.#end);
  }

  onLost(): void {
    this.#message.onLost(this.#start, this.#end);
  }

  /** Too large to ride along. */
  repeat(): undefined {
    return undefined;
  }
}

/** Whether all from 0 up to `length` is in a set that has nothing beyond. */
function covers({ first }: RangeSet, length: number): boolean {
  return first !== undefined && first.start === 0 && first.end === length;
}

function violation(detail: string): Violation {
  return new Violation(closeCodes.protocolViolation, detail);
}
