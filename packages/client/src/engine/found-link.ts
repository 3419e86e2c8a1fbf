/**
 * One link whose way is looked for. Its user hears that it stands when it does and is direct, or has not become direct
 * soon after, or a message is there: most conversations so begin with the path that they keep.
 */
import type { RelayGrant } from '@parley/protocol';
import {
  decodeOffer,
  encodeOffer,
  PathAgent,
  policyAccepts,
  routeOf,
  type Address,
  type Candidate,
  type NatKind,
  type PathAction,
  type PathReport,
  type TargetRules,
} from '@parley/rendezvous';
import type { LinkEnd, LinkStatus } from '@parley/transport';
import type { PathPolicy } from './api.js';
import { backoffMs } from './backoff.js';
import type { BirthdayTurns } from './birthday-turns.js';
import type { LinkHandlers, MovableLink, MovableLinkHandlers, PeerLink } from './ports.js';
import type { RelayCarrier } from './relay-carrier.js';
import type { SealedOffers } from './sealed-offer.js';

export interface FoundLinkOptions {
  readonly role: 'controlling' | 'controlled';
  readonly policy: PathPolicy;
  /** The other side of the relay's channel; undefined where there is none, or none is wanted. */
  readonly relay: Address | undefined;
  readonly carrier: RelayCarrier;
  readonly birthdays: BirthdayTurns;
  /** Undefined when nothing can be sealed for the peer: then nothing is told. */
  readonly offers: SealedOffers | undefined;
  readonly rules: TargetRules;
  readonly settleMs: number;
  ownCandidates(): Candidate[];
  nat(): NatKind;
  /** STUN may see something else now. */
  askAgain(): void;
  /** Rejects when the server could not be told. */
  sendOffer(sealed: Uint8Array): Promise<unknown>;
  random(length: number): Uint8Array;
  onGone(report: PathReport): void;
}

/** How often the link is looked at: while something is on its way, and else. */
const busyLookMs = 250;
const idleLookMs = 1_000;
/** Waits before the peer is told again what it could not be told. */
const tellAgainMinMs = 500;
const tellAgainMaxMs = 30_000;
/** So long closing takes at most: the last of what was said, and that it is over, may have to be sent again. */
const goodbyeMs = 2_000;
/** Looks without anything new after which a link counts as idle. */
const idleLooks = 8;

export class FoundLink implements PeerLink {
  /** Its user's name. */
  readonly peer: string;
  readonly #options: FoundLinkOptions;
  readonly #handlers: LinkHandlers;
  readonly #agent: PathAgent;
  #link: MovableLink | undefined;
  #agentTimer: NodeJS.Timeout | undefined;
  #lookTimer: NodeJS.Timeout | undefined;
  #settleTimer: NodeJS.Timeout | undefined;
  /** What the peer could not be told: the server, or the peer's connection to it, is away. */
  #untold: (PathAction & { type: 'offer' }) | undefined;
  #tellTimer: NodeJS.Timeout | undefined;
  #tellTries = 0;
  #isTold = false;
  #isGone = false;
  #sentPackets = 0;
  #quietLooks = 0;
  #lastReport: PathReport | undefined;

  constructor(peer: string, options: FoundLinkOptions, handlers: LinkHandlers) {
    this.peer = peer;
    this.#options = options;
    this.#handlers = handlers;
    const { role, policy, relay, rules } = options;
    const random = (length: number): Uint8Array => options.random(length);
    this.#agent = new PathAgent({ role, policy, relay, random, ...rules });
  }

  /** Where the handshake is tried first. */
  get candidates(): readonly Address[] {
    return this.#agent.candidates;
  }

  /** @param open makes the transport's link; @throws what it throws */
  begin(open: (handlers: MovableLinkHandlers, accepts: (from: Address) => boolean) => MovableLink): void {
    const { policy } = this.#options;
    try {
      this.#link = open(this.#linkHandlers(), (from) => policyAccepts(policy, from));
    } catch (error) {
      this.#stop();
      throw error;
    }
    this.ownCandidatesChanged();
  }

  get rttMs(): number | undefined {
    return this.#link?.rttMs;
  }

  get keys(): LinkStatus['keys'] | undefined {
    return this.#link?.status.keys;
  }

  get path(): 'direct' | 'relayed' {
    return this.isDirect || !this.#link?.path ? 'direct' : 'relayed';
  }

  get isDirect(): boolean {
    const address = this.#link?.path;
    return address !== undefined && routeOf(address).kind !== 'relay';
  }

  /** Of what was tried, what came back, and why the path is what it is. When the link has ended: as it was. */
  get report(): PathReport {
    return this.#lastReport ?? this.#agent.report(performance.now());
  }

  send(bytes: Uint8Array): void {
    this.#link?.send(bytes);
    if (this.#quietLooks >= idleLooks) this.#lookIn(busyLookMs);
    this.#quietLooks = 0;
  }

  async close(): Promise<void> {
    await this.#link?.close();
    this.#stop();
  }

  handleSealedOffer(sealed: Uint8Array): void {
    const opened = this.#options.offers?.open(sealed);
    const offer = opened && decodeOffer(opened);
    if (!offer) return;
    this.#do((now) => {
      this.#agent.handleOffer(now, offer);
    });
    // Until the link stands the handshake is what is tried.
    this.#link?.addCandidates(this.#agent.candidates);
  }

  useRelay(grant: RelayGrant): void {
    const { relay, carrier } = this.#options;
    if (relay) carrier.replace(relay, grant);
  }

  tellAgain(): void {
    clearTimeout(this.#tellTimer);
    const untold = this.#untold;
    if (untold && !this.#isGone) this.#sendOffer(untold);
  }

  ownCandidatesChanged(): void {
    if (this.#isGone) return;
    this.#do((now) => {
      this.#agent.setOwnCandidates(now, this.#options.ownCandidates(), this.#options.nat());
    });
  }

  addressChanged(): void {
    this.ownCandidatesChanged();
    this.#do((now) => {
      this.#agent.handleAddressChange(now);
    });
  }

  #linkHandlers(): MovableLinkHandlers {
    return {
      established: () => {
        this.#onEstablished();
      },
      message: (bytes) => {
        this.#tell();
        this.#handlers.message(bytes);
      },
      probed: (to, rttMs) => {
        this.#do((now) => {
          this.#agent.handleProbed(now, to, rttMs);
        });
      },
      heard: (from) => {
        this.#do((now) => {
          this.#agent.handleHeard(now, from);
        });
      },
      moved: () => {
        this.#look();
        if (this.isDirect) this.#tell();
        this.#handlers.moved?.();
      },
      ended: (end) => {
        this.#onEnded(end);
      },
    };
  }

  #onEstablished(): void {
    this.#look();
    if (this.isDirect || this.#options.policy === 'relay-only') {
      this.#tell();
      return;
    }
    this.#settleTimer = setTimeout(() => {
      this.#tell();
    }, this.#options.settleMs);
  }

  #tell(): void {
    clearTimeout(this.#settleTimer);
    if (this.#isTold || this.#isGone) return;
    this.#isTold = true;
    this.#handlers.established();
  }

  #onEnded(end: LinkEnd): void {
    // Whoever closes it waits for an answer, which comes by the way that the link was on.
    this.#stop(end.kind === 'closed' ? goodbyeMs : undefined);
    this.#handlers.ended(end);
  }

  /** @param forMs so long what the transport says is still carried */
  #stop(forMs?: number): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#lastReport = this.#agent.report(performance.now());
    for (const timer of [this.#agentTimer, this.#lookTimer, this.#settleTimer, this.#tellTimer]) clearTimeout(timer);
    if (forMs === undefined) this.#release();
    else
      setTimeout(() => {
        this.#release();
      }, forMs).unref();
    this.#options.onGone(this.#lastReport);
  }

  /** Gives back what datagrams went by. */
  #release(): void {
    const { relay, carrier, birthdays } = this.#options;
    if (relay) carrier.close(relay);
    birthdays.end(this, undefined);
  }

  /** Tells the agent how the path fares. */
  #look(): void {
    const link = this.#link;
    if (!link || this.#isGone) return;
    const { path, rttMs, sentPackets, lostPackets, unansweredMs } = link.status;
    const isQuiet = sentPackets === this.#sentPackets && unansweredMs === 0;
    this.#sentPackets = sentPackets;
    this.#quietLooks = isQuiet ? this.#quietLooks + 1 : 0;
    this.#do((now) => {
      this.#agent.handlePath(now, { path, rttMs, sentPackets, lostPackets, unansweredMs });
    });
    this.#lookIn(this.#quietLooks < idleLooks ? busyLookMs : idleLookMs);
  }

  #lookIn(ms: number): void {
    clearTimeout(this.#lookTimer);
    this.#lookTimer = setTimeout(() => {
      this.#look();
    }, ms);
  }

  /** Whatever the agent is told, what it wants is done after. */
  #do(work: (now: number) => void): void {
    if (this.#isGone) return;
    work(performance.now());
    for (let action = this.#agent.pollAction(); action; action = this.#agent.pollAction()) this.#act(action);
    this.#armAgent();
  }

  #armAgent(): void {
    clearTimeout(this.#agentTimer);
    const at = this.#agent.nextTimeout();
    if (at === undefined || this.#isGone) return;
    this.#agentTimer = setTimeout(
      () => {
        this.#do((now) => {
          this.#agent.handleTimeout(now);
        });
      },
      Math.max(1, Math.ceil(at - performance.now())),
    );
  }

  #act(action: PathAction): void {
    switch (action.type) {
      case 'probe':
        this.#link?.probe(action.to);
        return;
      case 'move':
        // Not in the middle of the agent's work: the link tells at once that it has moved.
        setImmediate(() => {
          if (!this.#isGone && this.#link?.moveTo(action.to) === true) this.#look();
        });
        return;
      case 'offer':
        this.#sendOffer(action);
        return;
      case 'ask-reflexive':
        this.#options.askAgain();
        return;
      case 'birthday-begin':
        this.#options.birthdays.ask(this, action.sockets, (numbers) => {
          this.#do((now) => {
            this.#agent.handleBirthdayBegun(now, numbers);
          });
        });
        return;
      case 'birthday-end':
        this.#options.birthdays.end(this, action.keep);
        return;
    }
  }

  #sendOffer(action: PathAction & { type: 'offer' }): void {
    const { offers } = this.#options;
    if (!offers) return;
    this.#untold = action;
    this.#options
      .sendOffer(offers.seal(encodeOffer(action.offer)))
      .then(() => {
        this.#tellTries = 0;
        // A newer one may be under way by now.
        if (this.#untold === action) this.#untold = undefined;
      })
      .catch(() => {
        if (this.#untold !== action || this.#isGone) return;
        const waitMs = backoffMs(this.#tellTries++, tellAgainMinMs, tellAgainMaxMs, Math.random());
        clearTimeout(this.#tellTimer);
        this.#tellTimer = setTimeout(() => {
          this.tellAgain();
        }, waitMs);
      });
  }
}
