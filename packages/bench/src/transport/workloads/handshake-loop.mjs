// Handshakes one after the other, both sides in this process and without sockets.
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { Endpoint } from '@parley/transport';
import { bestCrypto, generateKeyPair, pooledRandom } from '@parley/transport/node';
import { requirePeer } from '../peers/index.mjs';
import { RecordedCrypto } from './recorded-crypto.mjs';

const random = pooledRandom();

/** The virtual time between two handshakes: all of the last is forgotten by then, and there is no load. */
const pauseMs = 120_000;
const handshakesInTurn = 50;
const addresses = [
  { address: '192.0.2.1', port: 1_024 },
  { address: '192.0.2.2', port: 1_024 },
];

/**
 * @param kind `secret-stream`, or ours: `classic`, for which ML-KEM's answers are at hand, or `whole`
 * @returns counters that grow
 */
export function handshakeLoop(kind) {
  const counters = { handshakes: 0, handshakeMs: 0 };
  const turn = kind === 'secret-stream' ? secretStreamTurn(counters) : ownTurn(kind, counters);
  const go = async () => {
    await turn();
    setImmediate(go);
  };
  setImmediate(go);
  return counters;
}

/**
 * In turn: the handshakes, and the calls that they cannot do without alone, so that the machine is as busy for both; some
 * of each run together, so that neither is measured with the other's caches.
 */
function ownTurn(kind, counters) {
  const best = bestCrypto();
  const crypto = kind === 'classic' ? { ...best, mlKem768: answersAtHand(best.mlKem768) } : best;
  const handshake = (pair) => (kind === 'classic' ? pair.classicHandshake() : pair.handshake());
  const { agreementsAndHashes, encapsulations } = recordedCalls(crypto, handshake);
  const calls = kind === 'classic' ? agreementsAndHashes : [...agreementsAndHashes, ...encapsulations];
  const pair = new EndpointPair(crypto);
  counters.callsMs = 0;
  return () => {
    for (let i = 0; i < handshakesInTurn; i += 1) {
      counters.handshakeMs += elapsedMs(() => handshake(pair));
      pair.forget();
    }
    for (let i = 0; i < handshakesInTurn; i += 1) counters.callsMs += elapsedMs(() => calls.forEach((call) => call()));
    counters.handshakes += handshakesInTurn;
  };
}

function recordedCalls(crypto, handshake) {
  const recorded = new RecordedCrypto(crypto);
  const rehearsal = new EndpointPair(recorded.provider);
  return recorded.during(() => handshake(rehearsal));
}

/** ML-KEM that takes no time: the messages have their true sizes, and both sides the same secret: zeros, as secrets are overwritten. */
function answersAtHand(mlKem) {
  const keys = mlKem.generate(random);
  const encapsulated = mlKem.encapsulate(keys.publicKey, random);
  encapsulated.sharedSecret.fill(0);
  return { generate: () => keys, encapsulate: () => encapsulated, decapsulate: () => encapsulated.sharedSecret };
}

/** With known keys (pattern IK), as ours has. */
function secretStreamTurn(counters) {
  const SecretStream = requirePeer('@hyperswarm/secret-stream');
  const [ours, theirs] = [SecretStream.keyPair(), SecretStream.keyPair()];
  return async () => {
    const startedAt = performance.now();
    const a = new SecretStream(true, null, { pattern: 'IK', keyPair: ours, remotePublicKey: theirs.publicKey });
    const b = new SecretStream(false, null, { pattern: 'IK', keyPair: theirs });
    a.rawStream.pipe(b.rawStream).pipe(a.rawStream);
    await Promise.all([once(a, 'connect'), once(b, 'connect')]);
    counters.handshakeMs += performance.now() - startedAt;
    counters.handshakes += 1;
    for (const stream of [a, b]) {
      stream.on('error', () => undefined);
      stream.destroy();
    }
  };
}

class EndpointPair {
  #keyPairs = [generateKeyPair(), generateKeyPair()];
  #endpoints;
  #links = [];
  #now = Date.now();

  constructor(crypto) {
    this.#endpoints = this.#keyPairs.map((keyPair) => new Endpoint({ crypto, random, keyPair }));
  }

  /** From the introduction until each side has heard the other under the keys of the Noise handshake. */
  classicHandshake() {
    this.#open();
    this.#exchange(
      () => undefined,
      () => this.#links.every(({ path }) => path !== undefined),
    );
    if (this.#links.some(({ path }) => path === undefined)) throw new Error('a handshake failed');
  }

  /** From the introduction until both sides call the link established: ML-KEM's secret is in the keys of both. */
  handshake() {
    this.#open();
    const established = new Set();
    this.#exchange(
      (side, event) => event.type === 'established' && established.add(side),
      () => established.size === 2,
    );
    if (established.size !== 2) throw new Error('a handshake failed');
  }

  forget() {
    this.#exchange(() => undefined);
    for (const link of this.#links) link.close(this.#now);
    this.#exchange(() => undefined);
    this.#now += pauseMs;
    this.#exchange(() => undefined);
    if (this.#endpoints.some(({ linkCount }) => linkCount !== 0)) throw new Error('a link is not forgotten');
  }

  #open() {
    const introduction = { id: random(16), psk: random(32) };
    this.#links = this.#endpoints.map((endpoint, side) =>
      endpoint.open(this.#now, {
        ...introduction,
        peerKey: this.#keyPairs[1 - side].publicKey,
        role: side === 0 ? 'initiator' : 'responder',
        // The responder learns where the initiator is.
        candidates: side === 0 ? [addresses[1]] : [],
      }),
    );
  }

  /** Carries datagrams until it is enough, or neither side has more to say now. */
  #exchange(onEvent, isEnough = () => false) {
    for (let isQuiet = false; !isQuiet && !isEnough();) {
      isQuiet = true;
      for (const [side, endpoint] of this.#endpoints.entries()) {
        endpoint.handleTimeout(this.#now);
        for (let next = endpoint.pollTransmit(this.#now); next; next = endpoint.pollTransmit(this.#now)) {
          isQuiet = false;
          this.#endpoints[1 - side].handleDatagram(this.#now, addresses[side], next.bytes);
          if (isEnough()) return;
        }
        for (let next = endpoint.pollEvent(); next; next = endpoint.pollEvent()) onEvent(side, next.event);
      }
    }
  }
}

function elapsedMs(action) {
  const startedAt = performance.now();
  action();
  return performance.now() - startedAt;
}
