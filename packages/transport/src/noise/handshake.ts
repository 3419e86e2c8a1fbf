/** The handshake state of the Noise Protocol Framework, revision 34, section 5.3, for any pattern given as data. */
import { keyBytes, type CryptoProvider, type HashFunction, type KeyAgreement } from '../crypto-provider.js';
import { initialHash, SymmetricState, type TransportKeys } from './symmetric-state.js';

export type Role = 'initiator' | 'responder';

export type Token = 'e' | 's' | 'ee' | 'es' | 'se' | 'ss' | 'psk';

export interface HandshakePattern {
  /** As in protocol names, with its modifiers: `IKpsk2`. */
  readonly name: string;
  /** Whose static key the other side knows beforehand. */
  readonly known: readonly Role[];
  /** The tokens of each message; the initiator writes the first. */
  readonly messages: readonly (readonly Token[])[];
}

export const patternIKpsk2: HandshakePattern = {
  name: 'IKpsk2',
  known: ['responder'],
  messages: [
    ['e', 'es', 's', 'ss'],
    ['e', 'ee', 'se', 'psk'],
  ],
};

export interface HandshakeOptions {
  readonly crypto: Pick<CryptoProvider, 'aead'>;
  readonly hash: HashFunction;
  readonly pattern: HandshakePattern;
  readonly role: Role;
  readonly prologue: Uint8Array;
  /** Makes one, fresh for this handshake, which asks once, when it needs it first, and erases it at its end. */
  readonly ephemeral: () => KeyAgreement;
  readonly static?: KeyAgreement | undefined;
  /** When it is known beforehand. */
  readonly remoteStatic?: Uint8Array | undefined;
  /** 32 bytes; a responder that learns whom it talks to from the first message gives it later. */
  readonly psk?: Uint8Array | undefined;
}

/** The other side's key shares nothing with anybody (RFC 7748, section 6.1). */
export class SmallOrderKeyError extends Error {
  override readonly name = 'SmallOrderKeyError';
}

export class Handshake {
  readonly #role: Role;
  readonly #pattern: HandshakePattern;
  readonly #makeEphemeral: () => KeyAgreement;
  readonly #static: KeyAgreement | undefined;
  readonly #usesPsk: boolean;
  #madeEphemeral: KeyAgreement | undefined;
  #symmetric: SymmetricState;
  #remoteStatic: Uint8Array | undefined;
  #remoteEphemeral: Uint8Array | undefined;
  #psk: Uint8Array | undefined;
  #message = 0;

  constructor(options: HandshakeOptions) {
    this.#role = options.role;
    this.#pattern = options.pattern;
    this.#makeEphemeral = options.ephemeral;
    this.#static = options.static;
    this.#remoteStatic = options.remoteStatic;
    this.#psk = options.psk;
    this.#usesPsk = options.pattern.messages.some((tokens) => tokens.includes('psk'));
    const name = `Noise_${options.pattern.name}_25519_ChaChaPoly_${options.hash.name}`;
    this.#symmetric = new SymmetricState(options.crypto, options.hash, initialHash(options.hash, name));
    this.#symmetric.mixHash(options.prologue);
    for (const role of options.pattern.known) {
      this.#symmetric.mixHash(role === this.#role ? required(this.#static?.publicKey) : required(this.#remoteStatic));
    }
  }

  /** The other side's static key: given, or learned from a message that was read. */
  get remoteStatic(): Uint8Array | undefined {
    return this.#remoteStatic;
  }

  get transcript(): Uint8Array {
    return this.#symmetric.transcript;
  }

  providePsk(psk: Uint8Array): void {
    this.#psk = psk;
  }

  /** @param header bytes sent in the clear before the message, which it authenticates; not a part of Noise itself. */
  writeMessage(payload: Uint8Array, header?: Uint8Array): Uint8Array {
    const symmetric = this.#symmetric;
    if (header) symmetric.mixHash(header);
    const parts: Uint8Array[] = [];
    for (const token of this.#nextTokens()) {
      if (token === 'e') {
        parts.push(this.#ephemeral.publicKey);
        this.#mixEphemeral(symmetric, this.#ephemeral.publicKey);
      } else if (token === 's') {
        parts.push(symmetric.encryptAndHash(required(this.#static).publicKey));
      } else if (!this.#mixSecret(symmetric, token)) {
        throw new SmallOrderKeyError('the peer key given for this handshake is of small order');
      }
    }
    parts.push(symmetric.encryptAndHash(payload));
    this.#message += 1;
    return joined(parts);
  }

  /** The payload; or undefined when the message is no valid one, and then nothing has changed. */
  readMessage(message: Uint8Array, header?: Uint8Array): Uint8Array | undefined {
    const before = { remoteStatic: this.#remoteStatic, remoteEphemeral: this.#remoteEphemeral };
    const symmetric = this.#symmetric.copy();
    if (header) symmetric.mixHash(header);
    const payload = this.#read(symmetric, message);
    if (payload) {
      this.#symmetric = symmetric;
      this.#message += 1;
    } else {
      this.#remoteStatic = before.remoteStatic;
      this.#remoteEphemeral = before.remoteEphemeral;
    }
    return payload;
  }

  /** As `SymmetricState.split`. The handshake is over: without its ephemeral key nobody can repeat it. */
  split(secret?: Uint8Array): TransportKeys {
    this.#madeEphemeral?.erase();
    return this.#symmetric.split(secret);
  }

  /** Ours: a responder needs none before it answers, and a message that is forged gets no answer. */
  get #ephemeral(): KeyAgreement {
    this.#madeEphemeral ??= this.#makeEphemeral();
    return this.#madeEphemeral;
  }

  #read(symmetric: SymmetricState, message: Uint8Array): Uint8Array | undefined {
    let at = 0;
    const take = (length: number): Uint8Array | undefined => {
      if (length > message.length - at) return undefined;
      at += length;
      return message.slice(at - length, at);
    };
    for (const token of this.#nextTokens()) {
      if (token === 'e') {
        const key = take(keyBytes);
        if (!key) return undefined;
        this.#remoteEphemeral = key;
        this.#mixEphemeral(symmetric, key);
      } else if (token === 's') {
        const sealed = take(keyBytes + symmetric.expansionBytes);
        const key = sealed && symmetric.decryptAndHash(sealed);
        if (!key) return undefined;
        this.#remoteStatic = key;
      } else if (!this.#mixSecret(symmetric, token)) {
        return undefined;
      }
    }
    return symmetric.decryptAndHash(message.subarray(at));
  }

  #nextTokens(): readonly Token[] {
    return required(this.#pattern.messages[this.#message]);
  }

  #mixEphemeral(symmetric: SymmetricState, publicKey: Uint8Array): void {
    symmetric.mixHash(publicKey);
    // Noise, section 9.2: with a psk, the ephemeral key also enters the chaining key.
    if (this.#usesPsk) symmetric.mixKey(publicKey);
  }

  /** False when the peer's key is of small order. */
  #mixSecret(symmetric: SymmetricState, token: Exclude<Token, 'e' | 's'>): boolean {
    if (token === 'psk') {
      symmetric.mixKeyAndHash(required(this.#psk));
      return true;
    }
    // The first letter names the initiator's key, the second the responder's.
    const [ours, theirs] = this.#role === 'initiator' ? [token[0], token[1]] : [token[1], token[0]];
    const agreement = ours === 'e' ? this.#ephemeral : required(this.#static);
    const secret = agreement.shared(required(theirs === 'e' ? this.#remoteEphemeral : this.#remoteStatic));
    if (!secret) return false;
    symmetric.mixKey(secret);
    return true;
  }
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the handshake pattern needs a key, or a message, that was not given');
  return value;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
