// A CryptoProvider that writes down what it is asked, so that the same calls can be made again without anything around them.

export class RecordedCrypto {
  /** Each makes one call again. */
  #calls = [];
  #isRecording = false;
  /** Use this one in the place of the given. */
  provider;

  constructor(crypto) {
    this.provider = {
      name: crypto.name,
      aead: (key) => crypto.aead(key),
      equal: (a, b) => crypto.equal(a, b),
      blake2s: {
        ...crypto.blake2s,
        hash: (...parts) => this.#record('hash', crypto.blake2s, 'hash', parts),
        hmac: (...parts) => this.#record('hash', crypto.blake2s, 'hmac', parts),
      },
      keyAgreement: (privateKey) => {
        const real = this.#record('agreement', crypto, 'keyAgreement', [privateKey]);
        return {
          publicKey: real.publicKey,
          shared: (peerKey) => this.#record('agreement', real, 'shared', [peerKey]),
          // The calls are to work again later.
          erase: () => undefined,
        };
      },
    };
    const { mlKem768 } = crypto;
    if (mlKem768 === undefined) return;
    this.provider.mlKem768 = {
      generate: (random) => this.#record('encapsulation', mlKem768, 'generate', [random]),
      encapsulate: (key, random) => this.#record('encapsulation', mlKem768, 'encapsulate', [key, random]),
      decapsulate: (ciphertext, key) => this.#record('encapsulation', mlKem768, 'decapsulate', [ciphertext, key]),
    };
  }

  /** @returns the calls that `action` made, as functions, by their kind */
  during(action) {
    this.#calls = [];
    this.#isRecording = true;
    action();
    this.#isRecording = false;
    const ofKind = (...kinds) => this.#calls.filter(({ kind }) => kinds.includes(kind)).map(({ again }) => again);
    return { agreementsAndHashes: ofKind('agreement', 'hash'), encapsulations: ofKind('encapsulation') };
  }

  #record(kind, target, method, given) {
    // Copied: keys are overwritten when they have served.
    const copies = given.map((value) => (value instanceof Uint8Array ? value.slice() : value));
    if (this.#isRecording) this.#calls.push({ kind, again: () => target[method](...copies) });
    return target[method](...given);
  }
}
