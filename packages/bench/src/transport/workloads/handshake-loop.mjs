// Handshakes one after the other, both sides in this process and without sockets.
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { Endpoint } from '@parley/transport';
import { bestCrypto, generateKeyPair, pooledRandom } from '@parley/transport/node';
import { requirePeer } from '../peers/index.mjs';
import { RecordedCrypto } from './recorded-crypto.mjs';

/** The virtual time between two handshakes: all of the last is forgotten by then, and there is no load. */
const pauseMs = 120_000;
const handshakesInTurn = 50;
const addresses = [
  { address: '192.0.2.1', port: 1_024 },
  { address: '192.0.2.2', port: 1_024 },
];

/** @returns counters that grow */
export function handshakeLoop(peer) {
  const counters = { handshakes: 0, handshakeMs: 0 };
  const turn = peer === 'parley' ? parleyTurn(counters) : secretStreamTurn(counters);
  const go = async () => {
    await turn();
    setImmediate(go);
  };
  setImmediate(go);
  return counters;
}

/**
 * In turn: the classic handshakes, for which ML-KEM's answers are at hand; their Diffie-Hellman and hash calls alone; the
 * whole handshakes; and all of their calls alone. The machine is as busy for all of them; some of each run together, so
 * that none is measured with the other's caches.
 */
function parleyTurn(counters) {
  const crypto = bestCrypto();
  const classicCrypto = { ...crypto, mlKem768: answersAtHand(crypto.mlKem768) };
  const calls = recordedCalls(classicCrypto, (pair) => pair.classicHandshake()).agreementsAndHashes;
  const { agreementsAndHashes, encapsulations } = recordedCalls(crypto, (pair) => pair.handshake());
  const wholeCalls = [...agreementsAndHashes, ...encapsulations];
  const classic = new EndpointPair(classicCrypto);
  const whole = new EndpointPair(crypto);
  Object.assign(counters, { wholeMs: 0, agreementsAndHashesMs: 0, allCallsMs: 0 });
  const again = (recorded) => elapsedMs(() => recorded.forEach((call) => call()));
  const turns = [
    () => {
      counters.handshakeMs += elapsedMs(() => classic.classicHandshake());
      classic.forget();
    },
    () => (counters.agreementsAndHashesMs += again(calls)),
    () => {
      counters.wholeMs += elapsedMs(() => whole.handshake());
      whole.forget();
    },
    () => (counters.allCallsMs += again(wholeCalls)),
  ];
  return () => {
    for (const turn of turns) for (let i = 0; i < handshakesInTurn; i += 1) turn();
    counters.handshakes += handshakesInTurn;
  };
}

function recordedCalls(crypto, handshake) {
  const recorded = new RecordedCrypto(crypto);
  const rehearsal = new EndpointPair(recorded.provider);
  return recorded.during(() => handshake(rehearsal));
}

/** ML-KEM that takes no time: the messages have their true sizes, and both sides the same secret. */
function answersAtHand(mlKem) {
  const { publicKey, secretKey } = mlKem.generate(pooledRandom());
  const { ciphertext, sharedSecret } = mlKem.encapsulate(publicKey, pooledRandom());
  return {
    generate: () => ({ publicKey: publicKey.slice(), secretKey: secretKey.slice() }),
    encapsulate: () => ({ ciphertext: ciphertext.slice(), sharedSecret: sharedSecret.slice() }),
    decapsulate: () => sharedSecret.slice(),
  };
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
    this.#endpoints = this.#keyPairs.map((keyPair) => new Endpoint({ crypto, random: pooledRandom(), keyPair }));
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
    const introduction = { id: randomBytes(16), psk: randomBytes(32) };
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
