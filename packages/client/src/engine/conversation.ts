/** The links to the other devices of one session or one stay in a room, and what is said over them. */
import { createHash, randomBytes } from 'node:crypto';
import {
  decodePeerFrame,
  encodeReceiptFrame,
  encodeTextFrame,
  IncomingChain,
  MalformedError,
  messageChainBytes,
  messageIdBytes,
  OutgoingChain,
  ParleyError,
  textProblem,
  type DeviceIntroduction,
  type EventParams,
  type Introduction,
  type MessageRecord,
} from '@parley/protocol';
import { describeVerdict, type PathReport } from '@parley/rendezvous';
import { TransportError, type LinkEnd } from '@parley/transport';
import type { CallOptions, ClientEvent, ConversationKeys, Notice, Path } from './api.js';
import { GatewayLink, systemLinkClock, type GatewayServer } from './gateway-link.js';
import { GatewayPace } from './gateway-pace.js';
import type { LinkHandlers, PeerLink } from './ports.js';
import type { EngineSettings } from './settings.js';
import { Unconfirmed } from './unconfirmed.js';
import { orAborted, Turnstile, within } from './waits.js';

/** What may be on its way to one device before `send` waits. */
const unconfirmedBytesLimit = 1024 * 1024;

/** So many malformed frames of one device, and it is talked with no more. */
const malformedLimit = 20;

export interface ConversationOptions {
  /** Names the session or the room's opening, in hexadecimal. */
  readonly id: string;
  /** Null in a session. */
  readonly room: string | null;
  readonly self: string;
  /** Begins a link to a device. @throws TransportError for an introduction that cannot be used */
  openLink(introduction: DeviceIntroduction, handlers: LinkHandlers): PeerLink;
  readonly server: GatewayServer;
  readonly settings: EngineSettings;
  emit(event: ClientEvent): void;
  notice(notice: Notice): void;
  /** The link to a member ended by itself. The member stays, without a link. */
  onLinkEnded(peer: string, end: LinkEnd, error: ParleyError): void;
}

interface Member {
  readonly name: string;
  /** The server can read what is said to it. */
  readonly isBehindGateway: boolean;
  /** By which it was linked last; undefined for a member that never was. */
  readonly introduction: string | undefined;
  /** Undefined when it cannot be talked with. */
  link: PeerLink | undefined;
  readonly unconfirmed: Unconfirmed;
  /** Frames that could not be understood. */
  malformed: number;
}

const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

export class Conversation {
  readonly id: string;
  readonly #options: ConversationOptions;
  readonly #gatewayPace: GatewayPace;
  readonly #members = new Map<string, Member>();
  /** Members whose link is being closed; their last receipts still count. */
  readonly #parting = new Set<Member>();
  readonly #outgoing = new OutgoingChain(sha256, randomBytes(messageChainBytes));
  /** By sender; they outlive a link, so that nothing goes missing between two. */
  readonly #incoming = new Map<string, IncomingChain>();
  readonly #sending = new Turnstile();
  #confirmed: () => void = () => undefined;
  #isEnded = false;

  constructor(options: ConversationOptions) {
    this.id = options.id;
    this.#options = options;
    this.#gatewayPace = new GatewayPace(options.server, systemLinkClock);
  }

  get members(): string[] {
    return [...this.#members.keys()];
  }

  has(peer: string): boolean {
    return this.#members.has(peer);
  }

  /** Whether a link to a member stands, or is being made. */
  isLinked(peer: string): boolean {
    return this.#members.get(peer)?.link !== undefined;
  }

  /** The least good of its members: `gateway` as soon as one is behind one, as the server can read what is said. */
  get path(): Path {
    const members = [...this.#members.values()];
    if (members.some(({ isBehindGateway }) => isBehindGateway)) return 'gateway';
    return members.some(({ link }) => link?.path === 'relayed') ? 'relayed' : 'direct';
  }

  isBehindGateway(peer: string): boolean {
    return this.#members.get(peer)?.isBehindGateway === true;
  }

  /** Of the members that a link from device to device stands with: the introductions it was made by. */
  get introductions(): Map<string, string> {
    const members = [...this.#members.values()].filter(({ link, isBehindGateway }) => link && !isBehindGateway);
    return new Map(
      members.flatMap(({ name, introduction }) => (introduction === undefined ? [] : [[name, introduction]])),
    );
  }

  /** Of the ways to each member with a link that has any to look for. */
  get reports(): Map<string, PathReport> {
    const members = [...this.#members.values()];
    return new Map(members.flatMap(({ name, link }) => (link?.report ? [[name, link.report]] : [])));
  }

  /** The longest smoothed round trip, milliseconds; null before the first measurement. */
  get rttMs(): number | null {
    const rtts = [...this.#members.values()].flatMap(({ link }) => link?.rttMs ?? []);
    return rtts.length > 0 ? Math.max(...rtts) : null;
  }

  /** What is true of the keys of every link; null when there is no link, or one whose texts the server reads. */
  get keys(): ConversationKeys | null {
    const links = [...this.#members.values()].flatMap(({ link }) => link ?? []);
    const keys = links.flatMap((link) => link.keys ?? []);
    if (keys.length === 0 || keys.length < links.length) return null;
    const ages = keys.flatMap(({ ageMs }) => ageMs ?? []);
    return {
      postQuantum: {
        here: keys.every(({ postQuantum }) => postQuantum.ours),
        there: keys.every(({ postQuantum }) => postQuantum.peers),
      },
      ageMs: ages.length < keys.length ? null : Math.max(...ages),
    };
  }

  /** A member that no link can be made to, for now. What is sent to it fails. */
  addUnlinked(peer: string): void {
    this.removeMember(peer);
    this.#members.set(peer, newMember(peer, false, undefined));
  }

  /**
   * Begins a link to a member, in place of any before; settles when it stands, rejects with NO_PATH or PEER_LOST when
   * it never will.
   * @param established called before the first message that came over the link is told
   */
  link(introduction: Introduction, established: () => void = () => undefined): Promise<void> {
    const { peer } = introduction;
    if (this.#isEnded) return Promise.reject(new ParleyError('NO_CONVERSATION'));
    this.removeMember(peer);
    const member = newMember(peer, introduction.via === 'gateway', introduction.id);
    this.#members.set(peer, member);
    return new Promise((resolve, reject) => {
      let told: Path | undefined;
      const handlers: LinkHandlers = {
        established: () => {
          told = member.link?.path;
          if (this.#isCurrent(member)) established();
          resolve();
        },
        moved: () => {
          if (told === undefined || !member.link || member.link.path === told) return;
          told = member.link.path;
          this.#tellPath(member.link, peer);
        },
        message: (bytes) => {
          this.#receive(member, bytes);
        },
        ended: (end) => {
          const report = member.link?.report;
          member.link = undefined;
          this.#fail(member);
          const why = report && describeVerdict(report);
          const error = end.kind === 'no-path' ? new ParleyError('NO_PATH', why) : new ParleyError('PEER_LOST');
          reject(error);
          if (this.#isCurrent(member)) this.#options.onLinkEnded(peer, end, error);
        },
      };
      if (introduction.via === 'gateway') {
        member.link = this.#throughGateway(peer, handlers);
        handlers.established();
        return;
      }
      try {
        member.link = this.#options.openLink(introduction, handlers);
      } catch (cause) {
        if (!(cause instanceof TransportError)) throw cause;
        this.#warn(`the introduction to ${peer} cannot be used: ${cause.message}`);
        reject(new ParleyError('NO_PATH', undefined, { cause }));
      }
    });
  }

  /** What the server passes on from a gateway. Of others than members behind one it is dropped. */
  receiveFrames({ peer, conversation, ...batch }: EventParams<'gateway.frames'>): void {
    if (conversation !== this.id) return;
    const link = this.#members.get(peer)?.link ?? [...this.#parting].find(({ name }) => name === peer)?.link;
    if (link instanceof GatewayLink) link.receive(batch);
  }

  /** The server is back: what goes through it goes on. */
  resumeGatewayLinks(): void {
    for (const link of this.#gatewayLinks()) link.resume();
  }

  /** The server is gone for good, or no longer knows who we are: nothing goes through it any more. */
  endGatewayLinks(): void {
    for (const link of this.#gatewayLinks()) link.abandon();
  }

  /** A member is gone: the link is closed, and what is not confirmed by then has failed. */
  removeMember(peer: string): void {
    const member = this.#members.get(peer);
    if (!member) return;
    this.#members.delete(peer);
    // Bounded by the transport, and nobody waits for it.
    void this.#part(member);
  }

  async send(text: string, { signal }: CallOptions = {}): Promise<{ id: string; to: string[] }> {
    const problem = textProblem(text);
    if (problem) throw new ParleyError('TEXT_INVALID', problem);
    return this.#sending.pass(async () => {
      while (!this.#isEnded && this.#full().length > 0) await orAborted(this.#room(), signal);
      if (this.#isEnded) throw new ParleyError('NO_CONVERSATION', 'the conversation ended before this could be sent');
      return this.#sendNow(text);
    });
  }

  /** Waits until all that was sent is confirmed or has failed, at most `ms`. */
  async settled(ms: number): Promise<void> {
    const settled = async (): Promise<void> => {
      while (this.#everyone().some(({ unconfirmed }) => unconfirmed.bytes > 0)) await this.#nextConfirmation();
    };
    await within(settled(), ms);
  }

  /** Ends it: the links are closed, which is waited for; what is unconfirmed by then has failed. */
  async close(): Promise<void> {
    this.#isEnded = true;
    const members = [...this.#members.values()];
    this.#members.clear();
    this.#wake();
    await Promise.all(members.map((member) => this.#part(member)));
  }

  #throughGateway(peer: string, handlers: LinkHandlers): GatewayLink {
    // Numbers begin anew with each introduction: an older link must not say anything more.
    for (const { name, link } of this.#parting) if (name === peer && link instanceof GatewayLink) link.abandon();
    const { lingerMs } = this.#options.settings;
    const server = this.#gatewayPace;
    return new GatewayLink({ peer, conversation: this.id, server, clock: systemLinkClock, lingerMs }, handlers);
  }

  #gatewayLinks(): GatewayLink[] {
    return this.#everyone().flatMap(({ link }) => (link instanceof GatewayLink ? [link] : []));
  }

  async #part(member: Member): Promise<void> {
    this.#parting.add(member);
    await member.link?.close();
    this.#parting.delete(member);
    this.#fail(member);
  }

  #sendNow(text: string): { id: string; to: string[] } {
    const id = randomBytes(messageIdBytes);
    const conversation = Buffer.from(this.id, 'hex');
    const record = this.#outgoing.next({ id, conversation, sender: this.#options.self, at: Date.now(), text });
    const frame = encodeTextFrame(record);
    const hexId = id.toString('hex');
    const unlinked: string[] = [];
    for (const { name, link, unconfirmed } of this.#members.values()) {
      if (link && this.#sendOn(name, link, frame)) unconfirmed.add(hexId, frame.length);
      else unlinked.push(name);
    }
    // After the caller has learnt the id.
    setImmediate(() => {
      for (const name of unlinked) this.#receipt(hexId, name, 'failed');
    });
    return { id: hexId, to: this.members };
  }

  #receive(member: Member, bytes: Uint8Array): void {
    try {
      const frame = decodePeerFrame(bytes);
      switch (frame?.type) {
        case 'text':
          if (this.#isCurrent(member)) this.#receiveRecord(member, frame.message, frame.record);
          break;
        case 'receipt': {
          const id = Buffer.from(frame.id).toString('hex');
          if (!member.unconfirmed.confirm(id)) break;
          this.#receipt(id, member.name, 'delivered');
          this.#wake();
          break;
        }
        case undefined:
          // A newer client says what this one does not know.
          break;
      }
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      member.malformed += 1;
      if (member.malformed === 1)
        this.#warn(`${member.name} sent something malformed (${error.message}); it was dropped`);
      if (member.malformed !== malformedLimit) return;
      this.#warn(`${member.name} sends nothing else; the connection is closed`);
      void member.link?.close();
    }
  }

  #receiveRecord({ name, link }: Member, message: MessageRecord, record: Uint8Array): void {
    if (message.sender !== name || Buffer.from(message.conversation).toString('hex') !== this.id) {
      throw new MalformedError('it is of another sender or conversation');
    }
    const chain = this.#incoming.get(name) ?? new IncomingChain(sha256);
    this.#incoming.set(name, chain);
    switch (chain.accept(message, record)) {
      case 'next':
        break;
      case 'gap':
        this.#warn(`messages of ${name} before this one are missing`);
        break;
      case 'fork':
      case 'stale':
        this.#warn(`${name} contradicts what it sent before; it was dropped`);
        return;
      case 'duplicate':
        if (link && message.text !== undefined) this.#sendOn(name, link, encodeReceiptFrame(message.id));
        return;
    }
    const { id, seq, at, text } = message;
    if (text === undefined) {
      this.#warn(`${name} sent something that this version cannot show`);
      return;
    }
    this.#options.emit({
      event: 'message',
      from: name,
      room: this.#options.room,
      text,
      id: Buffer.from(id).toString('hex'),
      seq,
      at: new Date(at).toISOString(),
    });
    if (link) this.#sendOn(name, link, encodeReceiptFrame(id));
  }

  /** A person may wonder why it became faster, or slower. */
  #tellPath({ path, report }: PeerLink, peer: string): void {
    const why = report ? describeVerdict(report) : path;
    this.#options.notice({ level: 'info', text: `the way to ${peer} is another one now: ${why}` });
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

  #everyone(): Member[] {
    return [...this.#members.values(), ...this.#parting];
  }

  #isCurrent(member: Member): boolean {
    return this.#members.get(member.name) === member;
  }

  /** The members that must confirm something before more is sent to them. */
  #full(): Member[] {
    return [...this.#members.values()].filter(({ unconfirmed }) => unconfirmed.bytes >= unconfirmedBytesLimit);
  }

  /** Waits for a confirmation; a device that is alive but confirms nothing must not keep the others waiting. */
  async #room(): Promise<void> {
    const full = this.#full().map((member) => ({ member, bytes: member.unconfirmed.bytes }));
    if (await within(this.#nextConfirmation(), this.#options.settings.peerIdleTimeoutMs)) return;
    for (const { member, bytes } of full) {
      if (member.unconfirmed.bytes < bytes || !member.link) continue;
      this.#warn(`${member.name} confirms nothing; the connection is closed`);
      await member.link.close();
    }
  }

  #nextConfirmation(): Promise<void> {
    return new Promise((resolve) => {
      const before = this.#confirmed;
      this.#confirmed = () => {
        before();
        resolve();
      };
    });
  }

  #wake(): void {
    const wake = this.#confirmed;
    this.#confirmed = () => undefined;
    wake();
  }

  #fail({ name, unconfirmed }: Member): void {
    for (const id of unconfirmed.giveUp()) this.#receipt(id, name, 'failed');
    this.#wake();
  }

  #receipt(id: string, to: string, state: 'delivered' | 'failed'): void {
    this.#options.emit({ event: 'receipt', id, to, state });
  }

  #warn(text: string): void {
    this.#options.notice({ level: 'warning', text });
  }
}

function newMember(name: string, isBehindGateway: boolean, introduction: string | undefined): Member {
  return { name, isBehindGateway, introduction, link: undefined, unconfirmed: new Unconfirmed(), malformed: 0 };
}
