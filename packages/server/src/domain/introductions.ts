import type { Introduction, RelayGrant } from '@parley/protocol';
import { ordered, PairTable } from './pair-table.js';
import type { RandomSource, RelayChannel, RelayChannels } from './ports.js';
import type { OnlineUser } from './presence.js';
import { userBounds } from './settings.js';

/** What two devices were introduced for: their session, or the opening of a room, by its id. Each holds one. */
export type Purpose = 'session' | { readonly room: string };

/** Two devices that may talk, exchange their addresses and use the relay. */
interface Standing {
  readonly id: string;
  /** By side of the channel. */
  readonly users: readonly [string, string];
  /** Undefined where the server relays nothing, or no more for one of the two. */
  channel: RelayChannel | undefined;
  /** By side: did not come back in time; the other device may talk with that one all the same. */
  readonly isLost: [boolean, boolean];
}

/** What one user says that stands, while the other has not said so. */
interface Claim {
  readonly id: string;
  /** Drawn for both, and allowed once the other has said so, too. */
  readonly channel: RelayChannel | undefined;
}

/** Who has been introduced to whom, until what it was for is over. */
export class Introductions {
  readonly #random: RandomSource;
  readonly #relay: RelayChannels | null;
  /** By the two names in ascending order, then by purpose. */
  readonly #standing = new PairTable<Map<string, Standing>>();
  /** From a user to a peer, by purpose. */
  readonly #claims = new PairTable<Map<string, Claim>>();

  /** @param relay null: the server relays nothing */
  constructor(random: RandomSource, relay: RelayChannels | null) {
    this.#random = random;
    this.#relay = relay;
  }

  /**
   * What each of two users gets to know about the other; of two devices the initiator sends the first handshake message.
   * An earlier introduction for the same purpose is over. Where one of them has no device, they talk through the server.
   */
  introduce(
    initiator: OnlineUser,
    responder: OnlineUser,
    purpose: Purpose,
  ): { id: string; toInitiator: Introduction; toResponder: Introduction } {
    const id = this.#random.id();
    this.end(initiator.name, responder.name, purpose);
    if (initiator.door !== 'native' || responder.door !== 'native') {
      return {
        id,
        toInitiator: { via: 'gateway', id, peer: responder.name, door: responder.door },
        toResponder: { via: 'gateway', id, peer: initiator.name, door: initiator.door },
      };
    }
    const standing = this.#stand(purpose, id, [initiator.name, responder.name], this.#relay?.draw());
    const both = { via: 'device', id, psk: this.#random.secret() } as const;
    return {
      id,
      toInitiator: {
        ...{ ...both, role: 'initiator', relay: grantOf(standing, initiator.name) },
        ...{ peer: responder.name, deviceKey: responder.deviceKey, candidates: [...responder.candidates] },
      },
      toResponder: {
        ...{ ...both, role: 'responder', relay: grantOf(standing, responder.name) },
        ...{ peer: initiator.name, deviceKey: initiator.deviceKey, candidates: [...initiator.candidates] },
      },
    };
  }

  /** Whether the two have been introduced so, for whatever purpose. */
  stands(name: string, peer: string, id: string): boolean {
    const all = this.#standing.get(...ordered(name, peer))?.values() ?? [];
    return [...all].some((standing) => standing.id === id);
  }

  /**
   * Takes one user's word that an introduction still stands, which the server may know nothing of; with the same word of
   * the other it does.
   * @returns the user's side of a channel, which the other's word opens; null where there is none
   */
  restore(name: string, peer: string, purpose: Purpose, id: string): RelayGrant | null {
    if (name === peer) return null;
    const standing = this.#standing.get(...ordered(name, peer))?.get(keyOf(purpose));
    if (standing) {
      // A newer one makes the word void.
      if (standing.id !== id) return null;
      standing.isLost[sideOf(standing, name)] = false;
      standing.channel ??= this.#opened(standing.users, this.#relay?.draw());
      return grantOf(standing, name);
    }
    const theirs = this.#claims.get(peer, name)?.get(keyOf(purpose));
    if (theirs?.id === id) {
      this.#dropClaim(peer, name, purpose);
      this.#dropClaim(name, peer, purpose);
      return grantOf(this.#stand(purpose, id, [peer, name], theirs.channel), name);
    }
    const channel = this.#relay?.draw();
    this.#claim(name, peer, purpose, { id, channel });
    return channel ? grant(channel, 0) : null;
  }

  /** @param id only this one; undefined: whichever there is */
  end(name: string, peer: string, purpose: Purpose, id?: string): void {
    for (const [from, to] of [
      [name, peer],
      [peer, name],
    ] as const) {
      const claim = this.#claims.get(from, to)?.get(keyOf(purpose));
      if (claim && (id === undefined || claim.id === id)) this.#dropClaim(from, to, purpose);
    }
    const pair = ordered(name, peer);
    const all = this.#standing.get(...pair);
    const ended = all?.get(keyOf(purpose));
    if (!all || !ended || (id !== undefined && ended.id !== id)) return;
    all.delete(keyOf(purpose));
    if (all.size === 0) this.#standing.delete(...pair);
    if (ended.channel) this.#relay?.revoke(ended.channel.number);
  }

  /** Ends those that a user has for the opening of a room. */
  leaveRoom(name: string, room: string): void {
    for (const peer of this.#peersOf(name)) this.end(name, peer, { room });
    for (const [peer] of this.#claims.from(name)) this.#dropClaim(name, peer, { room });
  }

  /** A user who comes back tells anew of what stands. */
  dropClaims(name: string): void {
    for (const [peer] of this.#claims.from(name)) this.#claims.delete(name, peer);
  }

  /**
   * One who logged out is gone for all. One who did not come back may still talk with the others, past the server: what
   * they have stands until they are gone as well.
   */
  forget(name: string, how: 'left' | 'lost'): void {
    this.dropClaims(name);
    for (const peer of this.#peersOf(name)) {
      for (const [key, standing] of [...(this.#standing.get(...ordered(name, peer)) ?? [])]) {
        const side = sideOf(standing, name);
        standing.isLost[side] = true;
        const isOver =
          how === 'left' || standing.isLost[side === 0 ? 1 : 0] || this.#lostPeers(peer) > userBounds.lostPeers;
        if (isOver) this.end(name, peer, purposeOf(key), standing.id);
      }
    }
  }

  #stand(purpose: Purpose, id: string, users: Standing['users'], drawn: RelayChannel | undefined): Standing {
    const pair = ordered(...users);
    const standing: Standing = { id, users, channel: this.#opened(users, drawn), isLost: [false, false] };
    const all = this.#standing.get(...pair) ?? new Map<string, Standing>();
    this.#standing.set(...pair, all.set(keyOf(purpose), standing));
    return standing;
  }

  #opened(users: Standing['users'], drawn: RelayChannel | undefined): RelayChannel | undefined {
    return drawn && this.#relay?.allow(drawn, users) ? drawn : undefined;
  }

  #claim(name: string, peer: string, purpose: Purpose, claim: Claim): void {
    const [oldest, ...others] = this.#claims.from(name);
    if (oldest && others.length + 1 >= userBounds.claimedPeers) this.#claims.delete(name, oldest[0]);
    const all = this.#claims.get(name, peer) ?? new Map<string, Claim>();
    if (all.size < userBounds.roomsJoined) this.#claims.set(name, peer, all.set(keyOf(purpose), claim));
  }

  #dropClaim(name: string, peer: string, purpose: Purpose): void {
    const all = this.#claims.get(name, peer);
    all?.delete(keyOf(purpose));
    if (all?.size === 0) this.#claims.delete(name, peer);
  }

  #peersOf(name: string): string[] {
    return [...this.#standing.from(name), ...this.#standing.to(name)].map(([peer]) => peer);
  }

  /** How many did not come back that a user may still talk with. */
  #lostPeers(name: string): number {
    const all = [...this.#standing.from(name), ...this.#standing.to(name)];
    return all.filter(([, purposes]) => [...purposes.values()].some(({ isLost }) => isLost.includes(true))).length;
  }
}

/** A room's id is in hexadecimal, so it is none of the words. */
function keyOf(purpose: Purpose): string {
  return purpose === 'session' ? purpose : purpose.room;
}

function purposeOf(key: string): Purpose {
  return key === 'session' ? key : { room: key };
}

function sideOf({ users }: Standing, name: string): 0 | 1 {
  return users[0] === name ? 0 : 1;
}

function grantOf(standing: Standing, name: string): RelayGrant | null {
  return standing.channel ? grant(standing.channel, sideOf(standing, name)) : null;
}

function grant({ number, tokens }: RelayChannel, side: 0 | 1): RelayGrant {
  return { channel: number, side, token: tokens[side] };
}
