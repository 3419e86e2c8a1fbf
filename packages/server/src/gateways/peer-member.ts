import { isPeerName, type DirectoryClient } from '@parley/gateways';
import { ParleyError, type CloseReason } from '@parley/protocol';
import { BridgedUser, type BridgeEvents } from './bridged-user.js';
import type { GatewayParts } from './gateway-parts.js';
import { callClient } from './peer-call.js';
import { PeerTalk } from './peer-talk.js';
import { sharedName } from './shared-name.js';

/** At which port the directory’s clients reach a user who is none of them; undefined: at none. */
export type PortOf = (user: string) => Promise<number | undefined>;

/**
 * A client of the directory among the users of the server: a session with another user is a connection, to the client or
 * from it, that looks as if that user were a client too. (Two clients talk to each other without us.)
 */
export class PeerMember implements BridgeEvents {
  readonly client: DirectoryClient;
  readonly #parts: GatewayParts;
  readonly #portOf: PortOf;
  /** With each peer one; the first to come is also the one that is heard of. */
  readonly #talks = new Map<string, PeerTalk>();
  #joining: Promise<BridgedUser> | undefined;

  constructor(parts: GatewayParts, client: DirectoryClient, portOf: PortOf) {
    this.#parts = parts;
    this.client = client;
    this.#portOf = portOf;
  }

  /** @param port where the client’s connection comes from @throws ParleyError NAME_INVALID, NAME_TAKEN */
  async join(port: number): Promise<void> {
    const { name, source } = this.client;
    const facts = { name: sharedName(name), door: 'peer' as const, address: source, port };
    this.#joining = BridgedUser.join(this.#parts, facts, this);
    this.#user = await this.#joining;
  }
}
