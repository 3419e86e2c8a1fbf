/**
 * What must hold in every simulation, whatever happens in it. A check that fails throws at once, so that the last steps
 * of the run lead to it.
 */
import type { Protocol } from '@parley/simulator';
import type { Address } from '../address.js';
import type { Aead, CryptoProvider } from '../crypto-provider.js';
import type { Endpoint } from '../endpoint.js';
import { defaultTransportConfig } from '../limits.js';
import type { Link } from '../link.js';
import type { Transmit } from '../link-event.js';
import type { AmplificationCheck } from './amplification-check.js';

export type CheckName =
  /** No nonce twice under a key. */
  | 'nonces'
  /** In flight at most the congestion window, probes aside. */
  | 'in-flight'
  /** To an address that has not proved itself at most three times what came from it. */
  | 'amplification'
  /** What a link holds is within its bounds. */
  | 'buffers'
  /** No timer is left in the past, and who waits for something has one. */
  | 'timers';

export const allChecks: readonly CheckName[] = ['nonces', 'in-flight', 'amplification', 'buffers', 'timers'];

export class CheckFailure extends Error {
  override readonly name = 'CheckFailure';
  readonly check: CheckName;

  constructor(check: CheckName, detail: string) {
    super(`${check}: ${detail}`);
    this.check = check;
  }
}

/** Bytes that one link may hold. */
export interface Bounds {
  readonly receiveBytes: number;
  readonly sendBytes: number;
}

/** A stream takes up to twice its window, as its buffer grows by doubling. */
const defaultBounds: Bounds = {
  receiveBytes: 1024 * 1024,
  sendBytes: defaultTransportConfig.sendBufferBytes,
};

/** Every pair of key and nonce that anybody in a simulation has sealed with. */
export class NonceLedger {
  readonly #used = new Map<string, Set<number | string>>();

  /** A provider that does the same, and keeps book. */
  watch(provider: CryptoProvider): CryptoProvider {
    return {
      name: provider.name,
      blake2s: provider.blake2s,
      mlKem768: provider.mlKem768,
      keyAgreement: (privateKey) => provider.keyAgreement(privateKey),
      equal: (a, b) => provider.equal(a, b),
      aead: (key) => watchedAead(provider.aead(key), this.#usedUnder(key)),
    };
  }

  /** One and the same for equal keys, whoever made them. */
  #usedUnder(key: Uint8Array): Set<number | string> {
    const name = latin1(key);
    let used = this.#used.get(name);
    if (!used) this.#used.set(name, (used = new Set()));
    return used;
  }
}

function watchedAead(aead: Aead, used: Set<number | string>): Aead {
  const use = (nonce: number | string): void => {
    if (used.has(nonce)) throw new CheckFailure('nonces', `nonce ${String(nonce)} is used twice under a key`);
    used.add(nonce);
  };
  return {
    seal: (nonce, associatedData, plaintext) => {
      use(counterOf(nonce) ?? latin1(nonce));
      return aead.seal(nonce, associatedData, plaintext);
    },
    open: (nonce, associatedData, ciphertext) => aead.open(nonce, associatedData, ciphertext),
    sealPacket: (counter, packet, headerBytes) => {
      use(counter);
      aead.sealPacket(counter, packet, headerBytes);
    },
    openPacket: (counter, packet, headerBytes) => aead.openPacket(counter, packet, headerBytes),
    erase: () => {
      aead.erase();
    },
  };
}

/** What `counterNonce` made it from; undefined for other nonces. */
function counterOf(nonce: Uint8Array): number | undefined {
  const view = new DataView(nonce.buffer, nonce.byteOffset, nonce.length);
  if (nonce.length !== 12 || view.getUint32(0) !== 0) return undefined;
  return view.getUint32(8, true) * 2 ** 32 + view.getUint32(4, true);
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** RFC 9002, section 6.2.4: up to two datagrams may leave for each probe timeout, whatever the window says. */
const probesPerTimeout = 2;

export type CheckableEndpoint = Pick<Endpoint, keyof Protocol>;
export type CheckableLink = Pick<Link, 'state' | 'usage' | 'bufferedBytes'>;

interface WatchedLink {
  readonly link: CheckableLink;
  bytesInFlight: number;
}

/** An endpoint that is looked at after everything that it does. */
export class CheckedEndpoint<E extends CheckableEndpoint = Endpoint> implements Protocol {
  readonly endpoint: E;
  readonly amplification: AmplificationCheck;
  readonly #checks: ReadonlySet<CheckName>;
  readonly #bounds: Bounds;
  #links: WatchedLink[] = [];
  #probesLeft = 0;
  /** `handleTimeout` was called, and nothing since that might have set another timer for this very moment. */
  #hasTimedOut = false;
  #isMeasured = false;

  constructor(
    endpoint: E,
    amplification: AmplificationCheck,
    checks: readonly CheckName[] = allChecks,
    bounds: Bounds = defaultBounds,
  ) {
    this.endpoint = endpoint;
    this.amplification = amplification;
    this.#checks = new Set(checks);
    this.#bounds = bounds;
  }

  watch(link: CheckableLink): void {
    this.#links.push({ link, bytesInFlight: 0 });
  }

  handleDatagram(now: number, from: Address, bytes: Uint8Array): void {
    this.#hasTimedOut = false;
    this.#isMeasured = false;
    this.endpoint.handleDatagram(now, from, bytes);
  }

  handleTimeout(now: number): void {
    this.#hasTimedOut = true;
    this.#isMeasured = false;
    this.#probesLeft = probesPerTimeout;
    this.endpoint.handleTimeout(now);
  }

  nextTimeout(): number | undefined {
    return this.endpoint.nextTimeout();
  }

  pollTransmit(now: number): Transmit | undefined {
    if (!this.#isMeasured) this.#measure();
    const transmit = this.endpoint.pollTransmit(now);
    if (transmit) {
      if (this.#checks.has('in-flight')) this.#checkInFlight();
      if (this.#checks.has('amplification')) {
        const problem = this.amplification.onSending(transmit.to, transmit.bytes.length);
        if (problem) throw new CheckFailure('amplification', problem);
      }
    } else {
      if (this.#checks.has('buffers')) this.#checkBuffers();
      if (this.#checks.has('timers')) this.#checkTimers(now);
    }
    return transmit;
  }

  #measure(): void {
    this.#isMeasured = true;
    if (this.#links.some(({ link }) => link.state === 'ended')) {
      this.#links = this.#links.filter(({ link }) => link.state !== 'ended');
    }
    for (const watched of this.#links) watched.bytesInFlight = watched.link.usage.bytesInFlight;
  }

  #checkInFlight(): void {
    for (const watched of this.#links) {
      const { bytesInFlight, windowBytes } = watched.link.usage;
      const hasGrown = bytesInFlight > watched.bytesInFlight;
      watched.bytesInFlight = bytesInFlight;
      if (!hasGrown || bytesInFlight <= windowBytes) continue;
      if (this.#probesLeft === 0) {
        const figures = `${String(bytesInFlight)} in flight with a window of ${String(windowBytes)}`;
        throw new CheckFailure('in-flight', figures);
      }
      this.#probesLeft -= 1;
    }
  }

  #checkBuffers(): void {
    for (const { link } of this.#links) {
      const { receiveBytes } = link.usage;
      if (receiveBytes > this.#bounds.receiveBytes) {
        throw new CheckFailure('buffers', `${String(receiveBytes)} bytes held for what was received`);
      }
      if (link.bufferedBytes > this.#bounds.sendBytes) {
        throw new CheckFailure('buffers', `${String(link.bufferedBytes)} bytes held for what is to be sent`);
      }
    }
  }

  #checkTimers(now: number): void {
    const deadline = this.endpoint.nextTimeout();
    if (this.#hasTimedOut && deadline !== undefined && deadline <= now) {
      throw new CheckFailure('timers', `a deadline lies ${String(now - deadline)} ms back and was not served`);
    }
    if (deadline !== undefined) return;
    for (const { link } of this.#links) {
      const isWaiting = link.state === 'connecting' || link.state === 'closing' || link.usage.bytesInFlight > 0;
      if (isWaiting) throw new CheckFailure('timers', `a link waits (${link.state}) and has no deadline`);
    }
  }
}
