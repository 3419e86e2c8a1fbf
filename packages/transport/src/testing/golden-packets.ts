/**
 * The packets of one short link, made from fixed keys by both sides; `packages/transport/vectors/packets.json` holds
 * them, for tests and for other implementations. All bytes are hexadecimal.
 */
import { tagBytes, type CryptoProvider, type RandomSource } from '../crypto-provider.js';
import { nodeCrypto } from '../node/node-crypto.js';
import type { Role } from '../noise/handshake.js';
import { CookieHolder, CookieIssuer } from '../session/cookies.js';
import { InitiatorHandshake } from '../session/handshake-initiator.js';
import { receiveInitiation, respond } from '../session/handshake-responder.js';
import { PostQuantumExchange } from '../session/post-quantum-exchange.js';
import type { Session } from '../session/session.js';
import { ByteWriter } from '../wire/byte-writer.js';
import { dataHeaderBytes, parseInitiation, parseResponse, type Phase } from '../wire/packets.js';
import { readFrameLog, type LoggedFrame } from './frame-log.js';
import { encoded } from './raw-peer.js';

/** What one handshake is made of. */
interface HandshakeInput {
  readonly timestamp: number;
  readonly initiatorEphemeral: string;
  readonly responderEphemeral: string;
  readonly initiatorIndex: number;
  readonly responderIndex: number;
}

/** All that is random in an implementation. X25519 keys are private keys. */
export interface GoldenInput {
  readonly initiatorStatic: string;
  readonly responderStatic: string;
  readonly introductionId: string;
  readonly psk: string;
  /** d · z of FIPS 203, algorithm 16. */
  readonly mlKemSeed: string;
  /** m of FIPS 203, algorithm 17. */
  readonly mlKemMessage: string;
  readonly handshakes: readonly HandshakeInput[];
  readonly cookie: {
    readonly secret: string;
    readonly nonce: string;
    readonly from: { readonly address: string; readonly port: number };
  };
}

interface DirectedKeys {
  readonly fromInitiator: string;
  readonly fromResponder: string;
}

interface GoldenData {
  readonly epoch: number;
  readonly phase: Phase;
  readonly from: Role;
  readonly counter: number;
  readonly frames: string;
  readonly packet: string;
}

interface GoldenHandshake {
  readonly epoch: number;
  readonly psk: string;
  readonly initiation: string;
  readonly response: string;
  /** Of the first handshake only. */
  readonly phase0?: DirectedKeys;
  readonly phase1: DirectedKeys;
  readonly next: string;
}

export interface GoldenPackets {
  readonly input: GoldenInput;
  readonly handshakes: readonly GoldenHandshake[];
  /** What a busy responder answers to the first initiation, and that initiation with its mac2. */
  readonly cookie: { readonly cookie: string; readonly reply: string; readonly initiation: string };
  readonly postQuantum: {
    readonly encapsulationKey: string;
    readonly ciphertext: string;
    readonly sharedSecret: string;
    readonly secret: string;
  };
  /** In the order of sending. */
  readonly data: readonly GoldenData[];
}

const packetFrameBytes = 1_200 - dataHeaderBytes - tagBytes;

/** @throws Error when the two sides do not understand each other */
export function makeGoldenPackets(input: GoldenInput): GoldenPackets {
  return new GoldenLink(input).run();
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

export function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

interface Sessions {
  readonly initiator: Session;
  readonly responder: Session;
}

/** A handshake that is done, and what it gave. */
type Opening = Pick<GoldenHandshake, 'epoch' | 'psk' | 'initiation' | 'response'> & { readonly sessions: Sessions };

class GoldenLink {
  readonly #input: GoldenInput;
  readonly #handshakes: GoldenHandshake[] = [];
  readonly #data: GoldenData[] = [];
  readonly #counters = { initiator: 0, responder: 0 };
  /** The keys of packets that the initiator's side has made, as they came. */
  readonly #keys: string[] = [];

  constructor(input: GoldenInput) {
    this.#input = input;
  }

  run(): GoldenPackets {
    const { psk, handshakes } = this.#input;
    const [first, second] = handshakes;
    if (!first || !second) throw new Error('there are two handshakes');
    const opening = this.#handshake(0, psk, first);
    const phase0 = this.#newestKeys();
    const { secret, ...postQuantum } = this.#exchange(opening.sessions);
    opening.sessions.responder.finish(secret);
    opening.sessions.initiator.finish(secret);
    this.#add(opening, { phase0, phase1: this.#newestKeys() });
    this.#converse(opening.sessions, 0);
    const next = hex(required(opening.sessions.initiator.next));
    const rekeying = this.#handshake(1, next, second);
    this.#add(rekeying, { phase1: this.#newestKeys() });
    this.#converse(rekeying.sessions, 1);
    return {
      input: this.#input,
      handshakes: this.#handshakes,
      cookie: this.#cookie(opening.initiation),
      postQuantum: { ...postQuantum, secret: hex(secret) },
      data: this.#data,
    };
  }

  #handshake(epoch: number, psk: string, input: HandshakeInput): Opening {
    const { initiatorStatic, responderStatic, introductionId } = this.#input;
    const initiatorIdentity = nodeCrypto.keyAgreement(fromHex(initiatorStatic));
    const responderIdentity = nodeCrypto.keyAgreement(fromHex(responderStatic));
    const initiator = new InitiatorHandshake({
      crypto: this.#recordingCrypto(),
      random: giving(input.initiatorEphemeral),
      identity: initiatorIdentity,
      peerKey: responderIdentity.publicKey,
      introductionId: fromHex(introductionId),
      psk: fromHex(psk),
      epoch,
      index: input.initiatorIndex,
      timestamp: input.timestamp,
    });
    const initiation = hex(initiator.packet);
    const received = required(
      receiveInitiation(required(parseInitiation(initiator.packet)), {
        crypto: nodeCrypto,
        random: giving(input.responderEphemeral),
        identity: responderIdentity,
      }),
    );
    expectEqual(received.initiatorKey, initiatorIdentity.publicKey);
    expectEqual(received.payload.introductionId, fromHex(introductionId));
    const { packet, session: responder } = respond(received, {
      crypto: nodeCrypto,
      psk: fromHex(psk),
      index: input.responderIndex,
      now: input.timestamp,
    });
    const session = required(initiator.finish(input.timestamp, required(parseResponse(packet))));
    const sessions: Sessions = { initiator: session, responder };
    return { epoch, psk, initiation, response: hex(packet), sessions };
  }

  #add({ sessions, ...handshake }: Opening, keys: Pick<GoldenHandshake, 'phase0' | 'phase1'>): void {
    const next = required(sessions.initiator.next);
    expectEqual(next, required(sessions.responder.next));
    this.#handshakes.push({ ...handshake, ...keys, next: hex(next) });
  }

  #exchange(sessions: Sessions) {
    const { mlKemSeed, mlKemMessage } = this.#input;
    const initiator = new PostQuantumExchange({ role: 'initiator', crypto: nodeCrypto, random: giving(mlKemSeed) });
    let sharedSecret = '';
    const { mlKem768 } = nodeCrypto;
    const responder = new PostQuantumExchange({
      role: 'responder',
      crypto: {
        blake2s: nodeCrypto.blake2s,
        mlKem768: {
          ...mlKem768,
          encapsulate: (publicKey, random) => {
            const encapsulated = required(mlKem768.encapsulate(publicKey, random));
            sharedSecret = hex(encapsulated.sharedSecret);
            return encapsulated;
          },
        },
      },
      random: giving(mlKemMessage),
    });
    const encapsulationKey = this.#sendCrypto(sessions, 'initiator', initiator, responder);
    const ciphertext = this.#sendCrypto(sessions, 'responder', responder, initiator);
    const secret = required(initiator.secret);
    expectEqual(secret, required(responder.secret));
    return { encapsulationKey, ciphertext, sharedSecret, secret };
  }

  /** @returns all that was said */
  #sendCrypto(sessions: Sessions, from: Role, sender: PostQuantumExchange, receiver: PostQuantumExchange): string {
    let said = '';
    while (sender.hasContent) {
      const writer = new ByteWriter(new Uint8Array(packetFrameBytes));
      sender.writeInto(writer, []);
      const frames = this.#send(sessions, 0, 0, from, writer.written());
      for (const frame of frames) {
        if (frame.type !== 'crypto') continue;
        receiver.onCrypto(frame.offset, frame.data);
        said += hex(frame.data);
      }
    }
    return said;
  }

  /** Data of all kinds, both ways. */
  #converse(sessions: Sessions, epoch: number): void {
    const text = (words: string): Uint8Array => new Uint8Array(Buffer.from(words));
    const message = (words: string): Uint8Array => Uint8Array.of(words.length, ...text(words));
    const lastOf = (role: Role) => ({ smallest: 0, largest: this.#counters[role] - 1 });
    this.#send(sessions, epoch, 1, 'initiator', [
      { type: 'ack', ranges: [lastOf('responder')], delayUs: 1_250 },
      { type: 'ping' },
    ]);
    this.#send(sessions, epoch, 1, 'responder', [
      { type: 'ack', ranges: [lastOf('initiator')], delayUs: 0 },
      { type: 'stream', id: 0, offset: epoch * 6, data: message('hello'), isEnd: false },
      { type: 'max-stream-data', id: 0, limit: 300_000 },
    ]);
    this.#send(sessions, epoch, 1, 'initiator', [
      { type: 'stream', id: 0, offset: epoch * 3, data: message('hi'), isEnd: false },
      { type: 'stream', id: (epoch + 1) * 8 + 4, offset: 0, data: text('a file'), isEnd: true },
      { type: 'datagram', data: text('typing') },
    ]);
  }

  #send(
    sessions: Sessions,
    epoch: number,
    phase: Phase,
    from: Role,
    content: Uint8Array | readonly LoggedFrame[],
  ): LoggedFrame[] {
    const frames = content instanceof Uint8Array ? content : encoded(content);
    const to = from === 'initiator' ? 'responder' : 'initiator';
    const counter = this.#counters[from]++;
    const packet = new Uint8Array(dataHeaderBytes + frames.length + tagBytes);
    packet.set(frames, dataHeaderBytes);
    sessions[from].seal(phase, counter, packet);
    const opened = required(sessions[to].open(phase, counter, packet));
    expectEqual(opened, frames);
    this.#data.push({ epoch, phase, from, counter, frames: hex(frames), packet: hex(packet) });
    return readFrameLog(frames);
  }

  #cookie(initiation: string) {
    const { responderStatic, cookie, handshakes } = this.#input;
    const { publicKey } = nodeCrypto.keyAgreement(fromHex(responderStatic));
    const issuer = new CookieIssuer(nodeCrypto, publicKey, giving(cookie.secret, cookie.nonce));
    const holder = new CookieHolder(nodeCrypto, publicKey, giving());
    const packet = fromHex(initiation);
    holder.stamp(0, packet);
    const reply = issuer.reply(0, cookie.from, packet, handshakes[0]?.initiatorIndex ?? 0);
    if (!holder.onReply(0, reply)) throw new Error('the cookie was not taken');
    holder.stamp(0, packet);
    if (!issuer.verify(0, cookie.from, packet)) throw new Error('the cookie is not good');
    const port = Uint8Array.of(cookie.from.port >> 8, cookie.from.port & 0xff);
    const made = nodeCrypto.blake2s.hmac(fromHex(cookie.secret), Buffer.from(cookie.from.address), port);
    return { cookie: hex(made.subarray(0, 16)), reply: hex(reply), initiation: hex(packet) };
  }

  #recordingCrypto(): CryptoProvider {
    return {
      ...nodeCrypto,
      aead: (key) => {
        this.#keys.push(hex(key));
        return nodeCrypto.aead(key);
      },
    };
  }

  /** A session makes that for its own packets first; here it is the initiator's. */
  #newestKeys(): DirectedKeys {
    const [fromInitiator = '', fromResponder = ''] = this.#keys.slice(-2);
    return { fromInitiator, fromResponder };
  }
}

/** Gives these, one at each call, and nothing else. */
function giving(...values: string[]): RandomSource {
  return (length) => {
    const bytes = fromHex(values.shift() ?? '');
    if (bytes.length !== length) throw new Error('other random bytes were expected');
    return bytes;
  };
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the two sides do not understand each other');
  return value;
}

function expectEqual(a: Uint8Array, b: Uint8Array): void {
  if (hex(a) !== hex(b)) throw new Error('the two sides do not agree');
}
