/**
 * The link to a user behind a gateway: what is said goes over the control connection (`gateway.send`, `gateway.frames`),
 * where the server reads it. The connection may break and come back; frames are numbered, so none is lost or doubled.
 */
import {
  errorFacts,
  FrameStream,
  limits,
  MalformedError,
  ParleyError,
  type ErrorCode,
  type FrameBatch,
  type Params,
  type Result,
} from '@parley/protocol';
import { closeCodes, TransportError, type LinkEnd } from '@parley/transport';
import type { LinkHandlers, PeerLink } from './ports.js';

/** What it needs of the server; never throws before it returns. */
export interface GatewayServer {
  call(method: 'gateway.send', params: Params<'gateway.send'>): Promise<Result<'gateway.send'>>;
}

export interface LinkClock {
  /** Monotonic, milliseconds. */
  nowMs(): number;
  /** Calls back once after `delayMs`, unless the returned function is called before. */
  after(delayMs: number, callback: () => void): () => void;
}

export const systemLinkClock: LinkClock = {
  nowMs: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => {
      clearTimeout(timer);
    };
  },
};

export interface GatewayLinkOptions {
  readonly peer: string;
  /** The session or the room's opening, in hexadecimal. */
  readonly conversation: string;
  readonly server: GatewayServer;
  readonly clock: LinkClock;
  /** How long `close` waits for what is queued. */
  readonly lingerMs: number;
}

/** What the server has not taken yet, in base64; as much as the transport holds for a device. */
export const sendBufferCharacters = 4 * 1024 * 1024;

/** So far apart are requests that follow each other: they leave half of the rate class to the user's commands. */
export const requestIntervalMs = 10;

/** How long to wait when the server takes nothing and does not say for how long, and at most. */
export const refusedMs = 1_000;
const refusedMaxMs = 30_000;

/** How long to wait when the server took only a part. */
const partlyTakenMs = 100;

/**
 * A server that took nothing for so long is lost: it has forgotten the conversation, even if it noticed a break of the
 * connection later than we did.
 */
export const lostMs = limits.resumeGraceMs + limits.pingMisses * limits.pingIntervalMs;

/** So often missing frames are asked for; they come at the first time. */
export const gapsLimit = 20;

/** After these another connection follows, which resumes; NOT_CONNECTED when one was given up while coming back. */
const connectionEnds: ReadonlySet<ErrorCode> = new Set(['SERVER_LOST', 'SERVER_SHUTDOWN', 'NOT_CONNECTED']);

type State =
  | { readonly name: 'idle' }
  /** A request is on its way; there is one at a time. */
  | { readonly name: 'asking' }
  /** Until the next request may go. */
  | { readonly name: 'holding'; cancel(): void }
  /** The connection broke: `resume` goes on. */
  | { readonly name: 'away' }
  | { readonly name: 'ended' };

export class GatewayLink implements PeerLink {
  readonly #options: GatewayLinkOptions;
  readonly #handlers: LinkHandlers;
  readonly #stream = new FrameStream();
  #state: State = { name: 'idle' };
  /** The next request says `resume`: the server sends nothing before the first one, and then all we do not have. */
  #isResuming = true;
  /** The server is to hear how much has come. */
  #owesWord = false;
  #rttMs: number | undefined;
  #closing: { readonly done: Promise<void>; finish(): void } | undefined;
  /** How often missing frames were asked for since the last new one. */
  #gaps = 0;
  /** Runs while the server takes nothing, and ends the link. */
  #cancelDeadline: (() => void) | undefined;

  constructor(options: GatewayLinkOptions, handlers: LinkHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.#go();
  }

  /** The server reads what goes this way. */
  get path(): 'gateway' {
    return 'gateway';
  }

  get report(): undefined {
    return undefined;
  }

  get keys(): undefined {
    return undefined;
  }

  get rttMs(): number | undefined {
    return this.#rttMs;
  }

  /** @throws TransportError MESSAGE_SIZE, SEND_BUFFER_FULL or LINK_CLOSED */
  send(bytes: Uint8Array): void {
    if (this.#state.name === 'ended' || this.#closing) throw new TransportError('LINK_CLOSED', 'the link is closed');
    const frame = Buffer.from(bytes).toString('base64');
    if (frame === '' || frame.length > limits.frameCharacters) {
      throw new TransportError('MESSAGE_SIZE', 'the message does not fit through a gateway');
    }
    if (this.#stream.keptCharacters + frame.length > sendBufferCharacters) {
      throw new TransportError('SEND_BUFFER_FULL', 'the server has not taken enough of what was sent before');
    }
    this.#stream.push(frame);
    this.#go();
  }

  /** Takes in what came by `gateway.frames` for this conversation. */
  receive(batch: FrameBatch): void {
    if (this.#state.name === 'ended') return;
    const fresh = this.#judge(() => this.#accept(batch)) ?? [];
    if (batch.frames.length > 0) this.#owesWord = true;
    for (const frame of fresh) {
      if (this.#hasEnded()) return;
      this.#handlers.message(Buffer.from(frame, 'base64'));
    }
    if (!this.#finishWhenTaken()) this.#go();
  }

  /** The control connection is another one, on which the user is logged in again. */
  resume(): void {
    if (this.#state.name === 'ended') return;
    this.#stream.rewind();
    this.#isResuming = true;
    this.#become({ name: 'idle' });
    this.#go();
  }

  /** The server is gone for good, or introduces the same user anew: it ends at once. */
  abandon(): void {
    this.#end({ kind: 'lost' });
  }

  close(): Promise<void> {
    if (this.#state.name === 'ended') return Promise.resolve();
    if (this.#closing) return this.#closing.done;
    let finish: () => void = () => undefined;
    const done = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const cancel = this.#options.clock.after(this.#options.lingerMs, () => {
      this.#endByUs();
    });
    this.#closing = {
      done,
      finish: () => {
        cancel();
        finish();
      },
    };
    this.#finishWhenTaken();
    return done;
  }

  /**
   * The frames that are new. What the server said between a reconnect and our `resume` lacks those that were lost with
   * the old connection: it is asked for all again.
   */
  #accept(batch: FrameBatch): readonly string[] {
    if (batch.first <= this.#stream.received + 1) {
      const fresh = this.#stream.accept(batch);
      if (fresh.length > 0) this.#gaps = 0;
      return fresh;
    }
    this.#stream.acknowledge(batch.received);
    if (this.#isResuming) return [];
    this.#isResuming = true;
    this.#gaps += 1;
    if (this.#gaps > gapsLimit) throw new MalformedError('frames are missing, though they were asked for');
    return [];
  }

  /** Sends a request when there is something to say and none is on its way. */
  #go(): void {
    if (this.#state.name !== 'idle') return;
    if (this.#isResuming || this.#owesWord || this.#stream.hasMore) void this.#ask();
  }

  async #ask(): Promise<void> {
    const { peer, conversation, server, clock } = this.#options;
    const asking: State = { name: 'asking' };
    this.#become(asking);
    const batch = this.#stream.nextBatch();
    const resume = this.#isResuming;
    this.#isResuming = false;
    this.#owesWord = false;
    const askedMs = clock.nowMs();
    try {
      const params = { peer, conversation, ...batch, frames: [...batch.frames], resume };
      const { received } = await server.call('gateway.send', params);
      // Resumed or ended meanwhile: this answer is of no interest.
      if (this.#state === asking) this.#onAnswer(batch, received, clock.nowMs() - askedMs);
    } catch (error) {
      if (!(error instanceof ParleyError)) throw error;
      if (this.#state === asking) this.#onRefusal(error, resume);
    }
  }

  #onAnswer({ first, frames }: FrameBatch, received: number, tookMs: number): void {
    // Smoothed as RFC 6298 does.
    this.#rttMs = this.#rttMs === undefined ? tookMs : this.#rttMs + (tookMs - this.#rttMs) / 8;
    this.#judge(() => {
      this.#stream.acknowledge(received);
    });
    if (this.#hasEnded() || this.#finishWhenTaken()) return;
    // What the server did not take goes out again, later when it took nothing.
    this.#stream.rewind();
    if (frames.length > 0 && received < first) {
      this.#startDeadline();
      this.#hold(refusedMs);
      return;
    }
    this.#cancelDeadline?.();
    this.#cancelDeadline = undefined;
    // It took a part, for the other end takes no more just now.
    if (received < first + frames.length - 1) this.#hold(partlyTakenMs);
    else this.#hold(Math.max(0, requestIntervalMs - tookMs));
  }

  #onRefusal({ code, retryAfterMs = refusedMs }: ParleyError, resume: boolean): void {
    // What it carried has to be said again.
    this.#stream.rewind();
    this.#isResuming ||= resume;
    this.#owesWord = true;
    this.#startDeadline();
    if (errorFacts(code).fault === 'rate')
      this.#hold(Math.min(Math.max(retryAfterMs, requestIntervalMs), refusedMaxMs));
    else if (code === 'TIMEOUT') this.#hold(requestIntervalMs);
    else if (connectionEnds.has(code)) this.#become({ name: 'away' });
    // NO_CONVERSATION: the server no longer knows of it. After other refusals it would take nothing either.
    else this.#end({ kind: 'lost' });
  }

  #hold(ms: number): void {
    const cancel = this.#options.clock.after(ms, () => {
      this.#become({ name: 'idle' });
      this.#go();
    });
    this.#become({ name: 'holding', cancel });
  }

  /** True when it is being closed, and all that was queued is with the server. */
  #finishWhenTaken(): boolean {
    if (!this.#closing || this.#stream.keptCharacters > 0) return false;
    this.#endByUs();
    return true;
  }

  #startDeadline(): void {
    this.#cancelDeadline ??= this.#options.clock.after(lostMs, () => {
      this.#end({ kind: 'lost' });
    });
  }

  /** Does what hostile input may make impossible; then the link ends. */
  #judge<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.#end({ kind: 'violation', code: closeCodes.protocolViolation, detail: error.message });
      return undefined;
    }
  }

  #become(state: State): void {
    if (this.#state.name === 'holding') this.#state.cancel();
    this.#state = state;
  }

  #hasEnded(): boolean {
    return this.#state.name === 'ended';
  }

  #endByUs(): void {
    this.#end({ kind: 'closed', by: 'us', code: 0, reason: '' });
  }

  #end(end: LinkEnd): void {
    if (this.#hasEnded()) return;
    this.#become({ name: 'ended' });
    this.#cancelDeadline?.();
    this.#closing?.finish();
    this.#handlers.ended(end);
  }
}
