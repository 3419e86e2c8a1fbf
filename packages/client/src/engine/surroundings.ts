import type { CallOptions, ClientEvent, ConversationStatus, Notice } from './api.js';
import type { DeviceIntroduction, RelayGrant, ServerEvent } from '@parley/protocol';
import type { LinkHandlers, PeerLink } from './ports.js';
import type { ServerDebts } from './server-debts.js';
import type { ServerLink } from './server-link.js';
import type { EngineSettings } from './settings.js';
import type { Trust } from './trust.js';

/** What a session or a stay in a room finds around it, for one login. */
export interface Surroundings {
  /** The user's name. */
  readonly self: string;
  readonly server: ServerLink;
  readonly debts: ServerDebts;
  readonly trust: Trust;
  readonly settings: EngineSettings;
  /** Begins a link to a device, by whatever way there is. @throws TransportError for an introduction that cannot be used */
  openLink(introduction: DeviceIntroduction, handlers: LinkHandlers): PeerLink;
  /** Another channel of the relay for the link of that introduction. */
  useRelay(introduction: string, grant: RelayGrant): void;
  emit(event: ClientEvent): void;
  notice(notice: Notice): void;
}

/** What the user is in: one session, or one room. */
export interface Engagement {
  readonly kind: 'user' | 'room';
  readonly name: string;
  /** False while it is still being made, and once it has ended. */
  readonly isOpen: boolean;
  readonly hasEnded: boolean;
  status(): ConversationStatus;
  send(text: string, options?: CallOptions): Promise<{ id: string; to: string[] }>;
  /** Waits, a bounded time, until what was sent is confirmed. */
  settled(): Promise<void>;
  /** By this user's wish: what was sent has its time, the other side is told, then the server. Never rejects. */
  leave(): Promise<void>;
  onServerEvent(event: ServerEvent): void;
  /** The server is back, and may be a new process that knows nothing. Rejects only when it is lost again. */
  restore(): Promise<void>;
  /** It is gone for good, or came back without knowing us. */
  onServerGone(): void;
  /** The user trusts the new key of a user. */
  onTrusted(user: string): void;
}
