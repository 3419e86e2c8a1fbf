/** One session or one stay in a room: the links to the other devices, and what goes over them. */
import { createHash, randomBytes } from 'node:crypto';
import {
  decodePeerFrame,
  encodeReceiptFrame,
  encodeTextFrame,
  MalformedError,
  ParleyError,
  textProblem,
  type Introduction,
  type MessageRecord,
} from '@parley/protocol';
import { TransportError, type Introduction as TransportIntroduction, type LinkEnd } from '@parley/transport';
import type { CallOptions, ClientEvent, ConversationStatus, Notice } from './api.js';
import { IncomingChain, OutgoingChain } from './message-chain.js';
import { Outbox } from './outbox.js';
import type { LinkHandlers, PeerLink, PeerTransport } from './ports.js';
import { orAborted, Turnstile, within } from './waits.js';

/** What may be on its way to one device before `send` waits. */
const unconfirmedBytes = 1024 * 1024;

export interface ConversationOptions {
  readonly kind: 'user' | 'room';
  /** The peer, or the room. */
  readonly name: string;
  /** Names the session or the room's opening, in hexadecimal. */
  readonly id: string;
  readonly self: string;
  readonly transport: PeerTransport;
  emit(event: ClientEvent): void;
  notice(notice: Notice): void;
  /** A link ended by itself; its messages have been reported as failed. */
  onLinkEnded(peer: string, end: LinkEnd): void;
}

interface Member {
  /** Undefined for a member that cannot be talked with: its key has changed, or no path was found. */
  link: PeerLink | undefined;
  chain: IncomingChain;
}

const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

export class Conversation {
  readonly kind: 'user' | 'room';
  readonly name: string;
  readonly id: string;
  readonly #options: ConversationOptions;
  readonly #members = new Map<string, Member>();
  readonly #outgoing = new OutgoingChain(sha256);
  readonly #outbox = new Outbox(unconfirmedBytes);
  readonly #sending = new Turnstile();
  #ended = false;

  constructor(options: ConversationOptions) {
    this.kind = options.kind;
    this.name = options.name;
    this.id = options.id;
    this.#options = options;
  }

  get members(): string[] {
    return [...this.#members.keys()];
  }

  /** The members that a link stands to, or is being made to. */
  get linked(): string[] {
    return [...this.#members].filter(([, { link }]) => link).map(([name]) => name);
  }

  has(peer: string): boolean {
    return this.#members.has(peer);
  }

  status(): ConversationStatus {
    const rtts = [...this.#members.values()].map(({ link }) => link?.rttMs).filter((rtt) => rtt !== undefined);
    return { kind: this.kind, name: this.name, path: 'direct', rttMs: rtts.length > 0 ? Math.max(...rtts) : null };
  }

  /** A member that no link can be made to. */
  addUnreachable(peer: string): void {
    this.#members.set(peer, { link: undefined, chain: new IncomingChain(sha256) });
  }

  /**
   * Begins a link to a member; settles when it stands, rejects with NO_PATH or PEER_LOST when it never will.
   * @param established called before the first message that came over the link is told
   */
  link(introduction: Introduction, established: () => void = () => undefined): Promise<void> {
    const { peer } = introduction;
    this.removeMember(peer);
    return new Promise((resolve, reject) => {
      const member: Member = { link: undefined, chain: new IncomingChain(sha256) };
      this.#members.set(peer, member);
      const handlers: LinkHandlers = {
        established: () => {
          if (this.#members.get(peer) === member) established();
          resolve();
        },
        message: (bytes) => {
          if (this.#members.get(peer) === member) this.#receive(peer, member, bytes);
        },
        ended: (end) => {
          reject(new ParleyError(end.kind === 'no-path' ? 'NO_PATH' : 'PEER_LOST'));
          if (this.#members.get(peer) !== member) return;
          member.link = undefined;
          this.#failUnconfirmed(peer);
          this.#options.onLinkEnded(peer, end);
        },
      };
      try {
        member.link = this.#options.transport.open(forTransport(introduction), handlers);
      } catch (cause) {
        if (!(cause instanceof TransportError)) throw cause;
        this.#warn(`the introduction to ${peer} cannot be used: ${cause.message}`);
        reject(new ParleyError('NO_PATH', undefined, { cause }));
      }
    });
  }

  /** A member is gone: what it has not confirmed has failed. */
  removeMember(peer: string): void {
    const member = this.#members.get(peer);
    if (!member) return;
    this.#members.delete(peer);
    // Bounded by the transport, and nobody waits for it.
    void member.link?.close();
    this.#failUnconfirmed(peer);
  }

  async send(text: string, { signal }: CallOptions = {}): Promise<{ id: string; to: string[] }> {
    const problem = textProblem(text);
    if (problem) throw new ParleyError('TEXT_INVALID', problem);
    return this.#sending.pass(async () => {
      while (!this.#outbox.hasRoom && !this.#ended) await orAborted(this.#outbox.changed(), signal);
      if (this.#ended) throw new ParleyError('NO_CONVERSATION', 'the conversation ended before this could be sent');
      return this.#sendNow(text);
    });
  }

  /** Waits until all that was sent is confirmed or has failed, at most `ms`. */
  async settled(ms: number): Promise<void> {
    const settled = async (): Promise<void> => {
      while (!this.#outbox.isEmpty) await this.#outbox.changed();
    };
    await within(settled(), ms);
  }

  /** Ends it: what is unconfirmed has failed, and the links are closed (which is waited for). */
  async close(): Promise<void> {
    this.#ended = true;
    const members = [...this.#members];
    this.#members.clear();
    for (const [peer] of members) this.#failUnconfirmed(peer);
    await Promise.all(members.flatMap(([, { link }]) => (link ? [link.close()] : [])));
  }

  #sendNow(text: string): { id: string; to: string[] } {
    const id = randomBytes(16);
    const record = this.#outgoing.next({
      id,
      conversation: Buffer.from(this.id, 'hex'),
      sender: this.#options.self,
      at: Date.now(),
      text,
    });
    const frame = encodeTextFrame(record);
    const hexId = id.toString('hex');
    const unreachable: string[] = [];
    for (const [peer, { link }] of this.#members) {
      if (link && this.#sendOn(peer, link, frame)) this.#outbox.add(peer, hexId, frame.length);
      else unreachable.push(peer);
    }
    // After the caller has learnt the id.
    setImmediate(() => {
      for (const peer of unreachable) this.#receipt(hexId, peer, 'failed');
    });
    return { id: hexId, to: this.members };
  }

  #receive(peer: string, member: Member, bytes: Uint8Array): void {
    try {
      const frame = decodePeerFrame(bytes);
      switch (frame?.type) {
        case 'text':
          this.#receiveText(peer, member, frame.message, frame.record);
          break;
        case 'receipt': {
          const id = Buffer.from(frame.id).toString('hex');
          if (this.#outbox.confirm(peer, id)) this.#receipt(id, peer, 'delivered');
          break;
        }
        case undefined:
          // A newer client says what this one does not know.
          break;
      }
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.#warn(`${peer} sent something malformed (${error.message}); it was dropped`);
    }
  }

  #receiveText(peer: string, member: Member, message: MessageRecord, record: Uint8Array): void {
    if (message.sender !== peer || Buffer.from(message.conversation).toString('hex') !== this.id) {
      throw new MalformedError('it is of another sender or conversation');
    }
    const verdict = member.chain.accept(message, record);
    if (member.link) this.#sendOn(peer, member.link, encodeReceiptFrame(message.id));
    if (verdict === 'duplicate') return;
    if (verdict === 'gap') this.#warn(`messages of ${peer} before this one are missing`);
    if (verdict === 'fork') this.#warn(`${peer} contradicts what it sent before`);
    this.#options.emit({
      event: 'message',
      from: peer,
      room: this.kind === 'room' ? this.name : null,
      text: message.text,
      id: Buffer.from(message.id).toString('hex'),
      seq: message.seq,
      at: new Date(message.at).toISOString(),
    });
  }

  /** False when the link takes nothing more. */
  #sendOn(peer: string, link: PeerLink, frame: Uint8Array): boolean {
    try {
      link.send(frame);
      return true;
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      // `send` waits long before this: only receipts pile up so, for a peer that talks on and acknowledges nothing.
      if (error.code === 'SEND_BUFFER_FULL') {
        this.#warn(`${peer} takes nothing in; the connection is closed`);
        void link.close();
      }
      return false;
    }
  }

  #failUnconfirmed(peer: string): void {
    for (const id of this.#outbox.fail(peer)) this.#receipt(id, peer, 'failed');
  }

  #receipt(id: string, to: string, state: 'delivered' | 'failed'): void {
    this.#options.emit({ event: 'receipt', id, to, state });
  }

  #warn(text: string): void {
    this.#options.notice({ level: 'warning', text });
  }
}

function forTransport({ id, deviceKey, psk, role, candidates }: Introduction): TransportIntroduction {
  return {
    id: Buffer.from(id, 'hex'),
    peerKey: Buffer.from(deviceKey, 'base64'),
    psk: Buffer.from(psk, 'base64'),
    role,
    candidates,
  };
}
