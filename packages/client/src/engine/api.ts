/** What a Parley client can do: the surface that the terminal, bots and tests share. */
import type { PathPolicy, PathReport } from '@parley/rendezvous';

/** Who may start a session with this user: anyone who calls while it is free, after a question, or nobody. */
export type AcceptPolicy = 'auto' | 'ask' | 'never';

/**
 * How what is said reaches the others, in a room the least good of its members' ways: `direct` from device to device;
 * `relayed` by the server, which sees sealed packets only, until a direct way is found; or through a `gateway` to a user
 * of an older system, which is not end-to-end encrypted: the server can read it.
 */
export type Path = 'direct' | 'relayed' | 'gateway';

export type { PathPolicy, PathReport } from '@parley/rendezvous';

/** Stands for a key in what `trust` gives, when a user is now to be reached through a gateway, where there is none. */
export const gatewayFingerprint = 'gateway';

/** Every wait can be given up; it then rejects with the code ABORTED. */
export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface MessageEvent {
  readonly event: 'message';
  readonly from: string;
  /** The room it was said in, or null in a session. */
  readonly room: string | null;
  readonly text: string;
  readonly id: string;
  /** The sender's sequence number in this conversation, from 1. */
  readonly seq: number;
  /** The sender's clock, ISO 8601. */
  readonly at: string;
}

/** What became of a message, once for each device it was meant for. */
export interface ReceiptEvent {
  readonly event: 'receipt';
  readonly id: string;
  readonly to: string;
  /** `delivered`: the other device has it. `failed`: it will not be tried again. */
  readonly state: 'delivered' | 'failed';
}

/** `ended` by either user; the others are error codes. */
export type SessionEndReason = 'ended' | 'NO_PATH' | 'PEER_LOST' | 'KEY_CHANGED' | 'DECLINED' | 'CANCELLED';

/** On both sides. `incoming` begins a call to us; `closed` ends a session, or a call that was not taken. */
export interface SessionEvent {
  readonly event: 'session';
  readonly peer: string;
  readonly state: 'incoming' | 'opened' | 'closed';
  /** Unless it is closed. */
  readonly path?: Path;
  readonly reason?: SessionEndReason;
}

/**
 * Somebody else joined or left the room we are in, or (without `user`) it was closed for all. `left` with our own name:
 * after a reconnect there was no place in it any more.
 */
export interface RoomEvent {
  readonly event: 'room';
  readonly room: string;
  readonly state: 'joined' | 'left' | 'closed';
  readonly user?: string;
}

export interface ServerStateEvent {
  readonly event: 'server';
  readonly state: 'lost' | 'back' | 'shutdown';
}

export type ClientEvent = MessageEvent | ReceiptEvent | SessionEvent | RoomEvent | ServerStateEvent;

/** Something a person should read, which no script needs: a key pinned at first contact, a member without a path. */
export interface Notice {
  readonly level: 'info' | 'warning';
  readonly text: string;
}

export interface ConversationStatus {
  readonly kind: 'user' | 'room';
  readonly name: string;
  readonly path: Path;
  /** Smoothed round trip, milliseconds; in a room the largest of its members; null before the first measurement. */
  readonly rttMs: number | null;
  /** Of the ways to each member, by name: what was tried, and why the path is what it is. */
  readonly reports: ReadonlyMap<string, PathReport>;
  /** The state of the keys, the least good of its members; null where nothing is encrypted end to end, or nobody is. */
  readonly keys: ConversationKeys | null;
}

export interface ConversationKeys {
  /**
   * Whether the secret that also withstands quantum computers is in the keys: on this device, and, as far as it has
   * shown, on the other. Nothing is said before it is here.
   */
  readonly postQuantum: { readonly here: boolean; readonly there: boolean };
  /** Milliseconds since they were renewed; null while they are being made. */
  readonly ageMs: number | null;
}

export interface Status {
  /** `host:port`, or null when not connected. */
  readonly server: string | null;
  /** The server whose connection broke, and which is tried again. */
  readonly lostServer: string | null;
  readonly user: string | null;
  readonly conversation: ConversationStatus | null;
}

export interface ConnectedServer {
  /** `host:port` */
  readonly server: string;
  /** SHA-256 of the certificate, as `openssl x509 -noout -fingerprint -sha256` prints it; null without TLS. */
  readonly fingerprint: string | null;
  /** True when the certificate was seen, and pinned, for the first time. */
  readonly firstContact: boolean;
}

/** A server that says it is on this LAN; nothing proves that it is one. */
export interface FoundServer {
  /** What it calls itself. */
  readonly name: string;
  /** Its name on the LAN, ending in `.local`; not every system can look that up. */
  readonly host: string;
  readonly port: number;
  /** IPv4 or IPv6, to connect to. */
  readonly address: string;
}

export interface PathTo {
  readonly peer: string;
  readonly policy: PathPolicy;
  /** As it is, or was last. */
  readonly report: PathReport | null;
}

/** One thing that was looked at. `note`: neither good nor bad, or it could not be told. */
export interface Finding {
  readonly check: 'server' | 'clock' | 'stun' | 'nat' | 'udp' | 'relay' | 'port-mapping' | 'ipv6' | 'peer';
  readonly state: 'ok' | 'note' | 'problem';
  /** In words, without a full stop. */
  readonly text: string;
}

export interface Diagnosis {
  readonly findings: readonly Finding[];
  /** Of the way to the user that was asked for. */
  readonly path: PathTo | null;
}

/** All failures are ParleyErrors. One conversation at a time: `open` and `enter` first leave the one that is open. */
export interface ParleyClient {
  /** Asks the LAN for servers, by DNS-SD; takes 2 s. At most 32, by name. */
  discover(options?: CallOptions): Promise<FoundServer[]>;
  /** @param server `host`, `host:port` or `[IPv6]:port`; the port is 7420 unless told. */
  connect(server: string, options?: CallOptions): Promise<ConnectedServer>;
  register(name: string, password: string, options?: CallOptions): Promise<{ user: string }>;
  login(name: string, password: string, options?: CallOptions): Promise<{ user: string }>;
  users(options?: CallOptions): Promise<{ name: string; online: boolean }[]>;
  /** `door`: `native` with a device of its own, else the gateway of an older system: `line`, `peer`, or a newer one. */
  connectedUsers(options?: CallOptions): Promise<{ name: string; door: string }[]>;
  rooms(options?: CallOptions): Promise<{ name: string; owner: string; members: number }[]>;
  roomMembers(room: string, options?: CallOptions): Promise<{ room: string; members: string[] }>;
  open(peer: string, options?: CallOptions): Promise<{ peer: string; path: Path }>;
  /** `path` as it is on entering; a notice tells when a user behind a gateway joins. */
  enter(room: string, options?: CallOptions): Promise<{ room: string; owner: string; members: string[]; path: Path }>;
  /**
   * Takes the text for sending to everyone in the conversation; receipts tell what becomes of it. Settles at once,
   * unless more is waiting to go out than the network takes: then as soon as there is room.
   * `to`: the users it goes to, each of whom gets one receipt event; empty in a room with nobody else.
   */
  send(text: string, options?: CallOptions): Promise<{ id: string; to: readonly string[] }>;
  /**
   * Waits (a bounded time) until what was sent is confirmed, then ends the session or leaves the room. What is not
   * confirmed by then gets its receipt as failed before this settles; so it is with `disconnect` and `close`.
   */
  leave(options?: CallOptions): Promise<void>;
  closeRoom(room: string, options?: CallOptions): Promise<void>;
  /** Takes the call of whoever is calling. */
  accept(options?: CallOptions): Promise<{ peer: string; path: Path }>;
  decline(options?: CallOptions): Promise<{ peer: string }>;
  /**
   * Accepts the changed key of a user, or the changed certificate of a server (`host:port`). For a user who had a key
   * and was then introduced through a gateway, the fingerprint is `gateway`: the pinned key is forgotten.
   */
  trust(subject: string): Promise<{ trusted: string; fingerprint: string }>;
  /** The server that was connected to last, also by an earlier run of this profile; null when there was none. */
  readonly lastServer: string | null;
  status(): Status;
  /** What names the key of this device, for people to compare. */
  readonly ownKey: string;
  /** A short text that names a user's pinned key, for colours and comparison; null when none is pinned. */
  keyOf(user: string): string | null;
  /**
   * What is known of the way to a user, from the conversation that is open, or else from the last attempt; null when
   * there was none. @throws ParleyError NO_CONVERSATION without a user and without a session
   */
  pathTo(user?: string): PathTo;
  /** Which ways may be taken to a user, from the next conversation on; null: as the client was started. Kept on disk. */
  setPathPolicy(user: string, policy: PathPolicy | null): void;
  /** Finds out what works and what does not, in words; with a user also the way there. Takes some seconds. */
  diagnose(user?: string, options?: CallOptions): Promise<Diagnosis>;
  /** Ends what is open and leaves the server. */
  disconnect(options?: CallOptions): Promise<void>;
  /** Disconnects, closes the UDP socket and gives the profile free. Safe to call twice. */
  close(): Promise<void>;
  /** Calls back for every event, in order, until the returned function is called. */
  onEvent(listener: (event: ClientEvent) => void): () => void;
  onNotice(listener: (notice: Notice) => void): () => void;
  /** The events from now on, as an iterator; holds at most 10,000 that nobody has read, then drops the oldest. */
  events(options?: CallOptions): AsyncIterableIterator<ClientEvent>;
}
