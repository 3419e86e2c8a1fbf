/** First contact pins a key, a changed one is refused until the user says `trust`. */
import { ParleyError, type Introduction } from '@parley/protocol';
import { gatewayFingerprint, type Notice } from './api.js';
import type { Pins } from './pins.js';
import { keyFingerprint } from './profile.js';
import { parseServerAddress } from './server-address.js';
import type { ServerKeyChangedError } from './server-link.js';

export class Trust {
  readonly #pins: Pins;
  readonly #notice: (notice: Notice) => void;
  /** Changed keys that were refused, by what `trust` is to be called with. */
  readonly #refused = new Map<string, { fingerprint: string; isAmbiguous: boolean; accept(): void }>();

  constructor(pins: Pins, notice: (notice: Notice) => void) {
    this.#pins = pins;
    this.#notice = notice;
  }

  /**
   * Throws KEY_CHANGED when the introduced device is not one that is pinned for this user, or when there is none any
   * more: else a server could take the encryption away without a word. A gateway pins nothing.
   */
  checkPeer(server: string, introduction: Introduction): void {
    const { peer } = introduction;
    if (introduction.via === 'gateway') {
      if (this.#pins.userKey(server, peer) === undefined) return;
      this.#refuse(peer, gatewayFingerprint, () => {
        this.#pins.forgetUser(server, peer);
      });
      const text = `${peer} had a device with a key of its own, and would now be reached through a gateway: NOT end-to-end encrypted, the server could read everything. It may be somebody else; ask ${peer} by another way, then: trust ${peer}`;
      throw new ParleyError('KEY_CHANGED', text);
    }
    const { deviceKey } = introduction;
    const fingerprint = keyFingerprint(deviceKey);
    switch (this.#pins.checkUser(server, peer, deviceKey)) {
      case 'pinned':
        return;
      case 'first':
        this.#notice({ level: 'info', text: `first contact with ${peer}, whose key is ${fingerprint}` });
        return;
      case 'changed': {
        this.#refuse(peer, fingerprint, () => {
          this.#pins.pinUser(server, peer, deviceKey);
        });
        const text = `the key of ${peer} has changed: a new device, or somebody else. Now ${fingerprint}; ask ${peer} by another way, then: trust ${peer}`;
        throw new ParleyError('KEY_CHANGED', text);
      }
    }
  }

  #refuse(peer: string, fingerprint: string, accept: () => void): void {
    const before = this.#refused.get(peer);
    const isAmbiguous = before !== undefined && (before.isAmbiguous || before.fingerprint !== fingerprint);
    this.#refused.set(peer, { fingerprint, isAmbiguous, accept });
  }

  /** Remembers a server's certificate that was refused, so that it can be trusted. */
  refusedServer(error: ServerKeyChangedError): void {
    const { address, fingerprint } = error;
    this.#refused.set(address.text, {
      fingerprint,
      isAmbiguous: false,
      accept: () => {
        this.#pins.pinServer(address.text, fingerprint);
      },
    });
  }

  /** @param subject a user, or `host:port` of a server */
  accept(subject: string): { trusted: string; fingerprint: string } {
    const key = /[.:]/.test(subject) ? parseServerAddress(subject).text : subject;
    const refused = this.#refused.get(key);
    if (!refused) throw new ParleyError('NOTHING_TO_TRUST', `no changed key of ${subject} was refused`);
    this.#refused.delete(key);
    // What the user compared may not be what would be trusted.
    if (refused.isAmbiguous) {
      const text = `${subject} has shown several keys; open a session again, compare the one it shows then, and trust that`;
      throw new ParleyError('KEY_CHANGED', text);
    }
    refused.accept();
    return { trusted: key, fingerprint: refused.fingerprint };
  }
}
