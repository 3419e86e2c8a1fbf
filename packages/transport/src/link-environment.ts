import type { Address } from './address.js';
import type { CryptoProvider, KeyAgreement, RandomSource } from './crypto-provider.js';
import type { TransportConfig } from './limits.js';
import type { Link } from './link.js';
import type { NewController } from './recovery/new-controller.js';
import type { WindowPool } from './streams/flow-control.js';

/** What a link needs of the endpoint that it belongs to. */
export interface LinkEnvironment {
  readonly crypto: CryptoProvider;
  readonly random: RandomSource;
  readonly identity: KeyAgreement;
  readonly config: TransportConfig;
  readonly windowPool: WindowPool;
  readonly newController: NewController;
  /** An index that names this link in packets to it; and gives it back. */
  readonly takeIndex: (link: Link) => number;
  readonly releaseIndex: (index: number) => void;
  readonly nextTimestamp: (now: number) => number;
  /** The link, which waits for its first response, tries these as well. */
  readonly onCandidates: (link: Link, candidates: readonly Address[]) => void;
  /** The link has something to transmit, an event, another deadline, or is gone. */
  readonly onActivity: (link: Link) => void;
}
