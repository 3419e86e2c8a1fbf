/** A link and its streams, as their user sees them. */
import type { Address } from '../address.js';
import type { Link } from '../link.js';
import type { LinkEnd, LinkEvent, LinkState, LinkStatus } from '../link-event.js';
import type { StreamEvent } from '../streams/stream-event.js';
import type { StreamPriority } from '../streams/stream-id.js';

export interface LinkHandlers {
  readonly established?: (() => void) | undefined;
  /** Whole, once, in order. */
  readonly message?: ((bytes: Uint8Array) => void) | undefined;
  /** `send` returned false; there is room again. */
  readonly drain?: (() => void) | undefined;
  /** The peer opened a stream. Without this handler it is refused. */
  readonly stream?: ((stream: LinkStream) => void) | undefined;
  /** `openStream` threw STREAM_LIMIT; the peer allows more now. */
  readonly streamsAvailable?: (() => void) | undefined;
  /** Perhaps; what was lost on the way does not come. */
  readonly datagram?: ((bytes: Uint8Array) => void) | undefined;
  /** Packets go to another address: `path` says which. */
  readonly moved?: (() => void) | undefined;
  /** A `probe` of this address was answered, after so many milliseconds. */
  readonly probed?: ((to: Address, rttMs: number) => void) | undefined;
  /** The peer is heard from an address that is not the path: once for each new one, at most every 100 ms. */
  readonly heard?: ((from: Address) => void) | undefined;
  /** Called once; nothing follows. */
  readonly ended?: ((end: LinkEnd) => void) | undefined;
}

export interface StreamHandlers {
  /** The next bytes, in order, to keep. */
  readonly data?: ((bytes: Uint8Array) => void) | undefined;
  /** The peer has said all. */
  readonly end?: (() => void) | undefined;
  /** The peer gave up sending. */
  readonly reset?: ((code: number) => void) | undefined;
  /** The peer wants no more of what we send. */
  readonly stopped?: ((code: number) => void) | undefined;
  /** `write` returned false; there is room again. */
  readonly drain?: (() => void) | undefined;
}

/** The application refuses a stream that it has no use for with this code. */
const refusedCode = 0;

/** A stream of bytes both ways. Once its link is closing or has ended only `write` throws; all else does nothing then. */
export class LinkStream {
  readonly id: number;
  readonly priority: StreamPriority;
  /** May be set at any time; what comes before is lost, but for a paused stream. */
  handlers: StreamHandlers = {};
  /** For the handle: both sides have said all, and nothing comes any more. */
  isSendingOver = false;
  isReceivingOver = false;
  readonly #link: Link;
  readonly #touch: () => void;

  constructor(link: Link, id: number, priority: StreamPriority, touch: () => void) {
    this.#link = link;
    this.id = id;
    this.priority = priority;
    this.#touch = touch;
  }

  /**
   * Takes a copy of the bytes. @returns false when enough is waiting: `drain` says when to go on
   * @throws TransportError SEND_BUFFER_FULL, STREAM_CLOSED, LINK_CLOSED
   */
  write(bytes: Uint8Array): boolean {
    const mayGoOn = this.#link.streams.write(this.id, bytes);
    this.#touch();
    return mayGoOn;
  }

  /** Nothing more is written. */
  end(): void {
    this.#usableStreams?.end(this.id);
    this.isSendingOver = true;
    this.#touch();
  }

  /** Gives up what was written and has not arrived. */
  reset(code: number): void {
    this.#usableStreams?.reset(this.id, code);
    this.isSendingOver = true;
    this.#touch();
  }

  /** Asks the peer to send no more. Nothing more comes, and nobody is told how the peer ends. */
  stopSending(code: number): void {
    this.#usableStreams?.stopSending(this.id, code);
    this.isReceivingOver = true;
    this.#touch();
  }

  /** No more `data`, until `resume`; the peer then waits, too. */
  pause(): void {
    this.#usableStreams?.pause(this.id);
  }

  resume(): void {
    this.#usableStreams?.resume(this.id);
    this.#touch();
  }

  /** Undefined when nobody needs to hear of this stream: the peer may have ended the link, and its user not know yet. */
  get #usableStreams(): Link['streams'] | undefined {
    const { state } = this.#link;
    return state === 'closing' || state === 'ended' ? undefined : this.#link.streams;
  }
}

export class LinkHandle {
  readonly #link: Link;
  readonly #handlers: LinkHandlers;
  readonly #now: () => number;
  readonly #schedule: () => void;
  readonly #streams = new Map<number, LinkStream>();
  readonly #gone: Promise<void>;
  readonly #settle: () => void;

  /** Made by `UdpTransport.open`. @param schedule sees to it that what is waiting is sent */
  constructor(link: Link, handlers: LinkHandlers, now: () => number, schedule: () => void) {
    this.#link = link;
    this.#handlers = handlers;
    this.#now = now;
    this.#schedule = schedule;
    let settle = (): void => undefined;
    this.#gone = new Promise((resolve) => {
      settle = resolve;
    });
    this.#settle = settle;
  }

  get state(): LinkState {
    return this.#link.state;
  }

  /** Smoothed round trip in milliseconds; undefined before the first measurement. */
  get rttMs(): number | undefined {
    return this.#link.rttMs;
  }

  /** Where packets to the peer go; undefined before the first authentic one from it. */
  get path(): Address | undefined {
    return this.#link.path;
  }

  /** Bytes of messages and streams that the peer has not acknowledged. */
  get bufferedBytes(): number {
    return this.#link.bufferedBytes;
  }

  /** Streams that at least one side has not ended, for all that is known here. */
  get openStreams(): number {
    return this.#streams.size;
  }

  /** Of its keys. */
  get keys(): LinkStatus['keys'] {
    return this.status.keys;
  }

  get status(): LinkStatus {
    return this.#link.status(this.#now());
  }

  /**
   * Sends a message of 1 to 65,536 bytes, after those before it; also while the link is connecting. What is sent in one
   * turn of the event loop shares datagrams. The bytes are copied.
   * @returns false when enough is waiting: `drain` says when to go on
   * @throws TransportError MESSAGE_SIZE, SEND_BUFFER_FULL or LINK_CLOSED
   */
  send(bytes: Uint8Array): boolean {
    const mayGoOn = this.#link.send(bytes);
    this.#schedule();
    return mayGoOn;
  }

  /**
   * Sends once, without any promise: for what is stale when it is late. Of many that wait the oldest are dropped.
   * @returns false when one was dropped for it
   * @throws TransportError MESSAGE_SIZE for more than a packet carries, LINK_CLOSED
   */
  sendDatagram(bytes: Uint8Array): boolean {
    const kept = this.#link.streams.sendDatagram(bytes);
    this.#touch();
    return kept;
  }

  /** @throws TransportError STREAM_LIMIT, LINK_CLOSED */
  openStream(options: { readonly priority: StreamPriority }, handlers: StreamHandlers = {}): LinkStream {
    const id = this.#link.streams.open(options.priority);
    const stream = this.#stream(id, options.priority);
    stream.handlers = handlers;
    return stream;
  }

  /** More addresses where the peer may be; while it is sought they are tried at once. Later this does nothing. */
  addCandidates(addresses: readonly Address[]): void {
    this.#link.addCandidates(this.#now(), addresses);
    this.#schedule();
  }

  /**
   * Asks whether the peer is reached at this address; `probed` tells of an answer. Once, so repeat it where it matters.
   * Does nothing before the link is established, and for an address that the introduction does not accept.
   */
  probe(to: Address): void {
    this.#link.probe(this.#now(), to);
    this.#schedule();
  }

  /**
   * Packets go to this address from now on, and the peer follows.
   * @returns whether they do: only if a probe was answered from there within the last 10 s
   */
  moveTo(to: Address): boolean {
    const hasMoved = this.#link.moveTo(this.#now(), to);
    this.#schedule();
    return hasMoved;
  }

  /**
   * Ends the link once what was sent is acknowledged, or `lingerMs` have passed.
   * @param code below 0x4000, for the peer
   * @param reason for the peer's log
   * @returns settles when the peer knows of the end, or `drainMs` after it; never rejects
   */
  close(code?: number, reason?: string): Promise<void> {
    this.#link.close(this.#now(), code, reason);
    this.#schedule();
    return this.#gone;
  }

  /** For the driver: settles when the link is over. */
  get gone(): Promise<void> {
    return this.#gone;
  }

  /** For the driver: the link is over. */
  settle(): void {
    this.#settle();
  }

  /** For the driver: what happened, for whom it concerns. */
  deliver(event: LinkEvent): void {
    switch (event.type) {
      case 'message':
        this.#handlers.message?.(event.bytes);
        return;
      case 'stream-data':
        this.#streams.get(event.id)?.handlers.data?.(event.bytes);
        return;
      case 'established':
        this.#handlers.established?.();
        return;
      case 'drain':
        this.#handlers.drain?.();
        return;
      case 'moved':
        this.#handlers.moved?.();
        return;
      case 'probed':
        this.#handlers.probed?.(event.to, event.rttMs);
        return;
      case 'heard':
        this.#handlers.heard?.(event.from);
        return;
      case 'streams-available':
        this.#handlers.streamsAvailable?.();
        return;
      case 'stream': {
        const stream = this.#stream(event.id, event.priority);
        if (this.#handlers.stream) {
          this.#handlers.stream(stream);
        } else {
          stream.stopSending(refusedCode);
          stream.reset(refusedCode);
        }
        return;
      }
      case 'stream-end':
      case 'stream-reset':
      case 'stream-stopped':
      case 'stream-drain':
        this.#deliverToStream(event);
        return;
      case 'datagram':
        this.#handlers.datagram?.(event.bytes);
        return;
      case 'ended':
        this.#streams.clear();
        this.#handlers.ended?.(event.end);
        return;
    }
  }

  #deliverToStream(
    event: Extract<StreamEvent, { type: 'stream-end' | 'stream-reset' | 'stream-stopped' | 'stream-drain' }>,
  ): void {
    const stream = this.#streams.get(event.id);
    if (!stream) return;
    const { handlers } = stream;
    if (event.type === 'stream-end' || event.type === 'stream-reset') stream.isReceivingOver = true;
    if (event.type === 'stream-stopped') stream.isSendingOver = true;
    switch (event.type) {
      case 'stream-end':
        handlers.end?.();
        break;
      case 'stream-reset':
        handlers.reset?.(event.code);
        break;
      case 'stream-stopped':
        handlers.stopped?.(event.code);
        break;
      case 'stream-drain':
        handlers.drain?.();
        break;
    }
    this.#forgetStreamWhenOver(stream);
  }

  #forgetStreamWhenOver(stream: LinkStream): void {
    if (stream.isSendingOver && stream.isReceivingOver) this.#streams.delete(stream.id);
  }

  #stream(id: number, priority: StreamPriority): LinkStream {
    const stream = new LinkStream(this.#link, id, priority, () => {
      this.#forgetStreamWhenOver(stream);
      this.#touch();
    });
    this.#streams.set(id, stream);
    return stream;
  }

  #touch(): void {
    this.#link.touch();
    this.#schedule();
  }
}
