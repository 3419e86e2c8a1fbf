/** A user of an older system as a client sees it: the frames that its server would take and make. */
import { createHash, randomBytes } from 'node:crypto';
import {
  decodePeerFrame,
  encodeReceiptFrame,
  encodeTextFrame,
  FrameStream,
  OutgoingChain,
  type FrameBatch,
} from '@parley/protocol';
import type { Behaviour, FakeServer } from './fake-server.js';

const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

export class FakeGatewayUser {
  /** The texts it was told, in order. */
  readonly heard: string[] = [];
  /** Texts of its own that the client has confirmed. */
  confirmed = 0;
  readonly #name: string;
  readonly #conversation: string;
  readonly #server: FakeServer;
  readonly #stream = new FrameStream();
  readonly #chain = new OutgoingChain(sha256, randomBytes(8));

  /** @param conversation the session or the room's opening */
  constructor(name: string, conversation: string, server: FakeServer) {
    this.#name = name;
    this.#conversation = conversation;
    this.#server = server;
  }

  /** How the server answers `gateway.send`, when it serves this user only. */
  get behaviour(): Behaviour {
    return {
      'gateway.send': ({ peer, conversation, resume, ...batch }) => {
        if (peer !== this.#name || conversation !== this.#conversation) return { error: 'NO_CONVERSATION' };
        return { received: this.take(batch as unknown as FrameBatch, resume === true) };
      },
    };
  }

  /** Takes what the client sends, as the server would. @returns how many frames of it have come */
  take(batch: FrameBatch, resume: boolean): number {
    if (resume) this.#stream.rewind();
    for (const frame of this.#stream.accept(batch)) {
      const peerFrame = decodePeerFrame(Buffer.from(frame, 'base64'));
      if (peerFrame?.type === 'receipt') this.confirmed += 1;
      if (peerFrame?.type !== 'text') continue;
      this.heard.push(peerFrame.message.text ?? '');
      this.#push(encodeReceiptFrame(peerFrame.message.id));
    }
    this.flush();
    return this.#stream.received;
  }

  /** Says something; on a connection that is broken it is lost, and comes again after the client has resumed. */
  say(text: string): void {
    const id = randomBytes(16);
    const conversation = Buffer.from(this.#conversation, 'hex');
    this.#push(encodeTextFrame(this.#chain.next({ id, conversation, sender: this.#name, at: Date.now(), text })));
    this.flush();
  }

  flush(): void {
    while (this.#stream.hasMore) {
      const batch = this.#stream.nextBatch();
      this.#server.latest.notify('gateway.frames', { peer: this.#name, conversation: this.#conversation, ...batch });
    }
  }

  #push(frame: Uint8Array): void {
    this.#stream.push(Buffer.from(frame).toString('base64'));
  }
}
