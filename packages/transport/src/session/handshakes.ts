/** The handshakes of one link: the first, those that renew its keys, and those that wake it after long silence. */
import type { CryptoProvider, KeyAgreement, RandomSource } from '../crypto-provider.js';
import type { ResponsePacket } from '../wire/packets.js';
import { CookieHolder } from './cookies.js';
import { InitiatorHandshake } from './handshake-initiator.js';
import { respond, type ReceivedInitiation } from './handshake-responder.js';
import { retryDelayMs } from './handshake-schedule.js';
import type { IntroducedPeer } from './introduction.js';
import { keyLimits } from './key-limits.js';
import { KeyRing } from './key-ring.js';
import type { Session } from './session.js';
import { TokenBucket } from './token-bucket.js';

/** Responses to one initiation that are worth two Diffie-Hellmans each: whoever sees its index can make false ones. */
export const responseLimits = { perSecond: 20, burst: 5 } as const;

export interface HandshakesOptions {
  readonly crypto: CryptoProvider;
  readonly random: RandomSource;
  readonly identity: KeyAgreement;
  readonly introduction: IntroducedPeer;
  /** Names a session of this link in the packets that the peer sends; random, unique on this endpoint. */
  readonly takeIndex: () => number;
  readonly releaseIndex: (index: number) => void;
  /** Milliseconds since 1970, greater than ever before on this endpoint. */
  readonly nextTimestamp: (now: number) => number;
}

/** An initiation of ours that waits for its response. */
interface Outstanding {
  readonly handshake: InitiatorHandshake;
  readonly cookies: CookieHolder;
  readonly startedAt: number;
  readonly responses: TokenBucket;
  attempts: number;
}

export class Handshakes {
  readonly keys: KeyRing;
  readonly #options: HandshakesOptions;
  #outstanding: Outstanding | undefined;
  /** Of the newest initiation that was accepted from the peer. */
  #peerTimestamp = -1;
  #response: Uint8Array | undefined;

  /** @param psk of the introduction, 32 bytes */
  constructor(options: HandshakesOptions, psk: Uint8Array) {
    this.#options = options;
    this.keys = new KeyRing(psk, options.releaseIndex);
  }

  /** Whether an initiation waits for its response. */
  get isWaiting(): boolean {
    return this.#outstanding !== undefined;
  }

  /** The initiation that waits for its response, with a mac2 if the peer has asked for it. */
  initiation(now: number): Uint8Array | undefined {
    if (!this.#outstanding) return undefined;
    const packet = this.#outstanding.handshake.packet.slice();
    this.#outstanding.cookies.stamp(now, packet);
    return packet;
  }

  /**
   * The response to the newest initiation that was accepted; the same bytes for each repetition of that one, until its
   * session is in use.
   */
  get response(): Uint8Array | undefined {
    return this.#response;
  }

  /** Whether the keys are old enough that a packet, which is about to leave or has come, begins a handshake. */
  isDue(now: number): boolean {
    if (this.#outstanding) return false;
    const { current } = this.keys;
    // Expired; the very first handshake is begun by the link.
    if (!current) return this.keys.epoch >= 0;
    // Those of a handshake that we have answered are about to take their place.
    if (!current.isFinal || this.keys.isExpecting) return false;
    if (current.sealedPackets >= keyLimits.rekeyAfterPackets) return true;
    const afterMs = current.startedBy === 'us' ? keyLimits.rekeyAfterMs : keyLimits.rekeyByPeerAfterMs;
    return now >= current.createdAt + afterMs;
  }

  /**
   * Makes the initiation for the session after the one in use, if that one left a key for it.
   * @throws SmallOrderKeyError
   */
  begin(now: number): void {
    const { crypto, random, identity, introduction, takeIndex, releaseIndex, nextTimestamp } = this.#options;
    const epoch = this.keys.epoch + 1;
    const psk = this.keys.pskFor(epoch);
    if (!psk) return;
    const index = takeIndex();
    try {
      const handshake = new InitiatorHandshake({
        crypto,
        random,
        identity,
        peerKey: introduction.peerKey,
        introductionId: introduction.id,
        psk,
        epoch,
        index,
        timestamp: nextTimestamp(now),
      });
      const cookies = new CookieHolder(crypto, introduction.peerKey, random);
      const responses = new TokenBucket(now, responseLimits.perSecond, responseLimits.burst);
      this.#outstanding = { handshake, cookies, startedAt: now, responses, attempts: 0 };
    } catch (error) {
      releaseIndex(index);
      throw error;
    }
  }

  /** The initiation is sent now. @returns when to send it again; undefined when it is given up */
  onInitiationSent(now: number): number | undefined {
    const outstanding = this.#outstanding;
    if (!outstanding) return undefined;
    if (now >= outstanding.startedAt + keyLimits.rekeyAttemptMs) {
      this.abandon();
      return undefined;
    }
    const attempt = outstanding.attempts++;
    // With keys that work there is no hurry; without them somebody waits.
    if (!this.keys.current) return now + retryDelayMs(attempt);
    const [jitter = 0] = this.#options.random(1);
    return now + keyLimits.rekeyTimeoutMs + (jitter / 256) * keyLimits.rekeyJitterMs;
  }

  /** Our initiation is overtaken, or given up. */
  abandon(): void {
    if (this.#outstanding) this.#options.releaseIndex(this.#outstanding.handshake.index);
    this.#outstanding = undefined;
  }

  /**
   * @param initiation of the introduced peer for this introduction; the endpoint has checked that
   * @returns whether it begins a session, and `response` answers it
   */
  onInitiation(now: number, initiation: ReceivedInitiation): boolean {
    const { crypto, introduction, takeIndex } = this.#options;
    const { epoch, timestamp } = initiation.payload;
    if (timestamp <= this.#peerTimestamp) return false;
    const psk = this.keys.pskFor(epoch);
    if (!psk) return false;
    if (this.#outstanding?.handshake.epoch === epoch) {
      // Both began at once: one of the two has to give way, and both know which.
      if (introduction.role === 'initiator') return false;
      this.abandon();
    }
    this.#peerTimestamp = timestamp;
    const { packet, session } = respond(initiation, { crypto, psk, index: takeIndex(), now });
    this.#response = packet;
    this.keys.expect(session);
    return true;
  }

  /**
   * Whether the peer asks for the session that is in use here already, or that we have asked it for: it has not heard
   * us, perhaps because it is elsewhere now. True once for each initiation, so that nobody can lead us about with one.
   */
  isUnheard({ payload }: ReceivedInitiation): boolean {
    const asked = this.#outstanding?.handshake.epoch;
    const isKnown = payload.epoch === this.keys.epoch || payload.epoch === asked;
    if (!isKnown || payload.timestamp <= this.#peerTimestamp) return false;
    this.#peerTimestamp = payload.timestamp;
    return true;
  }

  /** @returns the session that it begins, which is in use now; undefined for a response that is not for us */
  onResponse(now: number, response: ResponsePacket): Session | undefined {
    const outstanding = this.#outstanding;
    if (outstanding?.handshake.index !== response.receiverIndex || !outstanding.responses.take(now)) return undefined;
    const session = outstanding.handshake.finish(now, response);
    if (!session) return undefined;
    this.#outstanding = undefined;
    this.keys.adopt(session);
    return session;
  }

  /** Under load the peer wants to see that we receive what is sent to our address: the next repetition shows it. */
  onCookieReply(now: number, reply: Uint8Array): void {
    this.#outstanding?.cookies.onReply(now, reply);
  }

  /**
   * A session that the peer began has shown its keys: what we began for the same time is of no use any more, and our
   * response has arrived; whoever repeats its initiation now has captured it.
   */
  onConfirmed(session: Session): void {
    this.#response = undefined;
    if (this.#outstanding && this.#outstanding.handshake.epoch <= session.epoch) this.abandon();
  }

  erase(): void {
    this.abandon();
    this.keys.eraseAll();
    this.#response = undefined;
  }
}
