/** A session with one user, from the introduction to its end. */
import { ParleyError, type CloseReason, type Introduction, type ServerEvent } from '@parley/protocol';
import { describeVerdict } from '@parley/rendezvous';
import type { LinkEnd } from '@parley/transport';
import type { CallOptions, ConversationStatus, Path } from './api.js';
import { Conversation } from './conversation.js';
import type { Engagement, Surroundings } from './surroundings.js';
import { orAborted } from './waits.js';

type State =
  | { readonly name: 'opening'; fail(reason: ParleyError): void }
  | { readonly name: 'open' }
  | { readonly name: 'ended' };

export class Session implements Engagement {
  readonly kind = 'user';
  readonly name: string;
  readonly #introduction: Introduction;
  readonly #around: Surroundings;
  readonly #conversation: Conversation;
  #state: State = { name: 'opening', fail: () => undefined };
  #leaving: Promise<void> | undefined;

  private constructor(introduction: Introduction, around: Surroundings) {
    this.name = introduction.peer;
    this.#introduction = introduction;
    this.#around = around;
    this.#conversation = new Conversation({
      ...around,
      id: introduction.id,
      room: null,
      onLinkEnded: (_, end) => {
        this.#onLinkEnded(end);
      },
    });
  }

  get isOpen(): boolean {
    return this.#state.name === 'open';
  }

  get hasEnded(): boolean {
    return this.#state.name === 'ended';
  }

  get path(): Path {
    // Before there is a link, too: nobody takes a session that the server reads for one that it does not.
    return this.#introduction.via === 'gateway' ? 'gateway' : this.#conversation.path;
  }

  /** @throws ParleyError INTERNAL when the server introduces somebody else than was asked for */
  static with(peer: string, introduction: Introduction, around: Surroundings): Session {
    if (introduction.peer !== peer)
      throw new ParleyError('INTERNAL', `the server introduces somebody else than ${peer}`);
    return new Session(introduction, around);
  }

  /**
   * Makes the link; tells `opened` when it stands. When it does not, both the peer and the server learn why.
   * @throws ParleyError KEY_CHANGED, NO_PATH, PEER_LOST, DECLINED, ABORTED
   */
  async establish(signal?: AbortSignal): Promise<void> {
    try {
      this.#around.trust.checkPeer(this.#around.server.address.text, this.#introduction);
      const failed = new Promise<never>((_, reject) => {
        this.#state = { name: 'opening', fail: reject };
      });
      const linked = this.#conversation.link(this.#introduction, () => {
        this.#state = { name: 'open' };
        this.#tell('opened');
      });
      await orAborted(Promise.race([linked, failed]), signal);
    } catch (error) {
      // Given up too late: it stands.
      if (this.isOpen) return;
      const reason = closeReasonOf(error);
      this.#state = { name: 'ended' };
      void this.#conversation.close();
      void this.#tellServer(reason);
      if (reason !== 'NO_PATH') throw error;
      throw new ParleyError('NO_PATH', noPathText(this.name, error), { cause: error });
    }
  }

  status(): ConversationStatus {
    return {
      kind: 'user',
      name: this.name,
      path: this.path,
      rttMs: this.#conversation.rttMs,
      keys: this.#conversation.keys,
      reports: this.#conversation.reports,
    };
  }

  send(text: string, options?: CallOptions): Promise<{ id: string; to: string[] }> {
    return this.#conversation.send(text, options);
  }

  settled(): Promise<void> {
    return this.#conversation.settled(this.#around.settings.lingerMs);
  }

  /** Whoever gave up waiting for it finds it under way. */
  leave(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  async #leave(): Promise<void> {
    await this.settled();
    if (!this.isOpen) return;
    this.#state = { name: 'ended' };
    // The link first: its goodbye comes behind the last receipts, while the server's word could overtake them.
    await this.#conversation.close();
    await this.#tellServer('ended');
    this.#tell('closed', 'ended');
  }

  /** The peer's device has forgotten the session, and calls anew. */
  replace(): void {
    this.#end('ended');
  }

  onServerEvent(event: ServerEvent): void {
    if (event.name === 'gateway.frames') this.#conversation.receiveFrames(event.params);
    if (event.name !== 'session.closed' || event.params.id !== this.#introduction.id) return;
    const { reason } = event.params;
    if (this.#state.name === 'opening') {
      this.#state.fail(new ParleyError(reason === 'ended' ? 'DECLINED' : reason, this.#whyClosed(reason)));
      return;
    }
    this.#end(reason);
  }

  async restore(): Promise<void> {
    if (!this.isOpen) return;
    // Behind a gateway the server itself is the other end: the link learns from it whether the session still stands.
    if (this.path === 'gateway') this.#conversation.resumeGatewayLinks();
    else {
      const { id } = this.#introduction;
      const { relay } = await this.#around.server.call('session.restore', { peer: this.name, id });
      if (relay) this.#around.useRelay(id, relay);
    }
  }

  onServerGone(): void {
    this.#conversation.endGatewayLinks();
  }

  onTrusted(): void {
    // A session whose key is not trusted never stood.
  }

  #onLinkEnded(end: LinkEnd): void {
    // While it is being made, `establish` hears of it.
    if (!this.isOpen) return;
    const reason = end.kind === 'closed' && end.by === 'peer' ? 'ended' : 'PEER_LOST';
    if (reason === 'PEER_LOST') void this.#tellServer(reason);
    this.#end(reason);
  }

  /** What the peer's device gave up making it for, in our words; undefined where the code says it all. */
  #whyClosed(reason: CloseReason): string | undefined {
    switch (reason) {
      case 'KEY_CHANGED':
        return `${this.name} has another key pinned for you, and must trust this device`;
      case 'NO_PATH': {
        // It has waited a little less than we would have; why there is no path is known here as well.
        const report = this.#conversation.reports.get(this.name);
        return report && describeVerdict(report);
      }
      case 'ended':
      case 'PEER_LOST':
        return undefined;
    }
  }

  /** It is over, and not by this user's wish. */
  #end(reason: CloseReason): void {
    if (!this.isOpen) return;
    this.#state = { name: 'ended' };
    void this.#conversation.close();
    this.#tell('closed', reason);
  }

  #tellServer(reason: CloseReason): Promise<void> {
    const { id, peer } = this.#introduction;
    return this.#around.debts.tell(() => this.#around.server.call('session.close', { peer, id, reason }));
  }

  #tell(state: 'opened' | 'closed', reason?: CloseReason): void {
    const { path, name: peer } = this;
    this.#around.emit({ event: 'session', peer, state, ...(reason ? { reason } : { path }) });
  }
}

export function closeReasonOf(error: unknown): CloseReason {
  const code = error instanceof ParleyError ? error.code : undefined;
  return code === 'KEY_CHANGED' || code === 'NO_PATH' || code === 'PEER_LOST' ? code : 'ended';
}

/** @param reason what a link ended with */
export function noPathText(peer: string, reason: unknown): string {
  const why =
    reason instanceof ParleyError && reason.code === 'NO_PATH' ? reason.message : 'none of its addresses answered';
  return `${peer} is online, but its device was not reached: ${why}`;
}
