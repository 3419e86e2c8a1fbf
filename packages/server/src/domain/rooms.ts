import { namePattern, ParleyError, type Introduction } from '@parley/protocol';
import type { Introductions } from './introductions.js';
import type { Clock, RandomSource, Room, RoomRepository } from './ports.js';
import { cutPage, pageLimit, type Page, type PageRequest } from './page.js';
import type { OnlineUser, PresenceTable } from './presence.js';
import { userBounds, type DomainSettings } from './settings.js';
import { Turns } from './turns.js';

/** A room that somebody is in. */
interface LiveRoom {
  readonly room: Room;
  /** Also those whose connection broke a moment ago. */
  readonly members: Set<string>;
}

/** What one who enters a room gets to know. */
export interface RoomEntry {
  readonly room: string;
  readonly id: string;
  readonly owner: string;
  readonly members: string[];
  readonly introductions: Introduction[];
}

/** After a reconnect: which opening the device was in, and the members it still has a connection with. */
export interface EarlierVisit {
  readonly id?: string | undefined;
  readonly linked?: readonly string[] | undefined;
}

export interface RoomSummary {
  readonly name: string;
  readonly owner: string;
  readonly members: number;
}

/** Rooms last in the repository until they are closed; who is in them is remembered here only. */
export class Rooms {
  readonly #clock: Clock;
  readonly #random: RandomSource;
  readonly #introductions: Introductions;
  readonly #roomMembers: number;
  readonly #roomsOwned: number;
  readonly #repository: RoomRepository;
  readonly #presence: PresenceTable;
  readonly #live = new Map<string, LiveRoom>();
  readonly #joined = new Map<string, Set<LiveRoom>>();
  /**
   * Requests about a room read the repository and then what is here, or change it: one at a time for each room. So
   * those of one connection take effect in the order they were sent.
   */
  readonly #turns = new Turns();

  constructor(
    clock: Clock,
    random: RandomSource,
    { roomMembers, roomsOwned }: Pick<DomainSettings, 'roomMembers' | 'roomsOwned'>,
    repository: RoomRepository,
    introductions: Introductions,
    presence: PresenceTable,
  ) {
    this.#clock = clock;
    this.#random = random;
    this.#roomMembers = roomMembers;
    this.#roomsOwned = roomsOwned;
    this.#repository = repository;
    this.#introductions = introductions;
    this.#presence = presence;
  }

  /**
   * Enters a room, or opens it when there is none of that name; who has no account can only enter. The newcomer is the initiator to each member; one who
   * is in it already is introduced anew, for the device may have started afresh. Members who are away are introduced
   * when they come back.
   * @throws ParleyError NAME_INVALID, ROOM_FULL, ROOM_LIMIT, UNKNOWN_ROOM
   */
  async enter(user: OnlineUser, name: string, earlier: EarlierVisit = {}): Promise<RoomEntry> {
    if (!namePattern.test(name)) throw new ParleyError('NAME_INVALID');
    return this.#turns.take(name, async () => {
      const room = await this.#findOrOpen(user, name, earlier.id);
      if (!this.#presence.isCurrent(user)) throw new ParleyError('NOT_LOGGED_IN');
      const live = this.#live.get(name) ?? { room, members: new Set() };
      this.#admit(user.name, live);
      const introductions = this.#meetMembers(user, live, new Set(earlier.linked));
      return { room: name, id: room.id, owner: room.owner, members: [...live.members].sort(), introductions };
    });
  }

  /** @throws ParleyError UNKNOWN_ROOM, NOT_MEMBER */
  async leave(user: OnlineUser, name: string): Promise<void> {
    await this.#turns.take(name, async () => {
      const live = this.#live.get(name);
      if (!live) await this.#find(name);
      if (!this.#presence.isCurrent(user)) throw new ParleyError('NOT_LOGGED_IN');
      if (!live?.members.has(user.name)) throw new ParleyError('NOT_MEMBER');
      this.#remove(user.name, live, 'left');
    });
  }

  /** Closes a room for all in it. @throws ParleyError UNKNOWN_ROOM, NOT_OWNER */
  async close(user: OnlineUser, name: string): Promise<void> {
    await this.#turns.take(name, async () => {
      const room = await this.#find(name);
      if (room.owner !== user.name) throw new ParleyError('NOT_OWNER');
      await this.#repository.delete(room);
      const live = this.#live.get(name);
      if (!live) return;
      for (const member of [...live.members]) {
        this.#forgetMembership(member, live);
        this.#introductions.leaveRoom(member, room.id);
        this.#presence.tell(member, 'room.closed', { room: name });
      }
    });
  }

  /** Whether the user is in the room's opening of this id. */
  isIn(id: string, name: string): boolean {
    return this.areIn(id, name, name);
  }

  /** Whether the two are in the room's opening of this id. */
  areIn(id: string, name: string, peer: string): boolean {
    for (const live of this.#joined.get(name) ?? []) if (live.room.id === id) return live.members.has(peer);
    return false;
  }

  /** Takes a user out of all rooms and tells the others why. */
  forget(name: string, how: 'left' | 'lost'): void {
    for (const live of [...(this.#joined.get(name) ?? [])]) this.#remove(name, live, how);
  }

  /** @throws ParleyError UNKNOWN_ROOM */
  members(name: string): Promise<string[]> {
    return this.#turns.take(name, async () => {
      const live = this.#live.get(name);
      if (live) return [...live.members].sort();
      await this.#find(name);
      return [];
    });
  }

  async page(request: PageRequest): Promise<Page<RoomSummary>> {
    const limit = pageLimit(request);
    const rooms = await this.#repository.roomsAfter(request.after, limit + 1);
    const summaries = rooms.map(({ name, owner }) => ({
      name,
      owner,
      members: this.#live.get(name)?.members.size ?? 0,
    }));
    return cutPage(summaries, limit, (room) => room.name);
  }

  async #find(name: string): Promise<Room> {
    const room = namePattern.test(name) ? await this.#repository.find(name) : undefined;
    if (!room) throw new ParleyError('UNKNOWN_ROOM');
    return room;
  }

  async #findOrOpen(user: OnlineUser, name: string, openingId: string | undefined): Promise<Room> {
    const found = await this.#repository.find(name);
    if (openingId !== undefined && found?.id !== openingId) {
      throw new ParleyError('UNKNOWN_ROOM', 'the room was closed meanwhile');
    }
    if (found) return found;
    // It would be owned by a name that somebody else may register.
    if (user.door !== 'native') throw new ParleyError('UNKNOWN_ROOM');
    const room: Room = { name, owner: user.name, id: this.#random.id(), createdAt: this.#clock.now() };
    switch (await this.#repository.insert(room, this.#roomsOwned)) {
      case 'inserted':
        return room;
      case 'limit':
        throw new ParleyError('ROOM_LIMIT');
      case 'exists':
        // Opened at this moment through another server.
        return this.#find(name);
    }
  }

  #admit(name: string, live: LiveRoom): void {
    if (live.members.has(name)) return;
    if (live.members.size >= this.#roomMembers) throw new ParleyError('ROOM_FULL');
    const joined = this.#joined.get(name) ?? new Set();
    if (joined.size >= userBounds.roomsJoined) throw new ParleyError('RATE_LIMITED', 'in too many rooms; leave some');
    live.members.add(name);
    this.#live.set(live.room.name, live);
    this.#joined.set(name, joined.add(live));
  }

  #meetMembers(newcomer: OnlineUser, live: LiveRoom, linked: ReadonlySet<string>): Introduction[] {
    const introductions: Introduction[] = [];
    for (const name of live.members) {
      const member = this.#presence.online(name);
      if (!member || name === newcomer.name) continue;
      const purpose = { room: live.room.id };
      const pair = linked.has(name) ? undefined : this.#introductions.introduce(newcomer, member, purpose);
      if (pair) introductions.push(pair.toInitiator);
      this.#presence.tell(name, 'room.joined', {
        room: live.room.name,
        user: newcomer.name,
        introduction: pair?.toResponder ?? null,
      });
    }
    return introductions;
  }

  #remove(name: string, live: LiveRoom, reason: 'left' | 'lost'): void {
    this.#forgetMembership(name, live);
    // One that is lost may go on talking with the others, past the server.
    if (reason === 'left') this.#introductions.leaveRoom(name, live.room.id);
    for (const member of live.members) {
      this.#presence.tell(member, 'room.left', { room: live.room.name, user: name, reason });
    }
  }

  #forgetMembership(name: string, live: LiveRoom): void {
    live.members.delete(name);
    if (live.members.size === 0) this.#live.delete(live.room.name);
    const joined = this.#joined.get(name);
    joined?.delete(live);
    if (joined?.size === 0) this.#joined.delete(name);
  }
}
