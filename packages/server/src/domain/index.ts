/** What the server knows and decides, without sockets, clock or database; those come in through the ports. */
export type { Accounts, LoggedIn } from './accounts.js';
export { Messenger, type DomainPorts } from './messenger.js';
export type { Page, PageRequest } from './page.js';
export type {
  Account,
  AccountRepository,
  Background,
  Clock,
  Connection,
  EnrolledDevice,
  GatewayConnection,
  HashingClient,
  PasswordHasher,
  RandomSource,
  RelayChannel,
  RelayChannels,
  ResumeTokenRepository,
  Room,
  RoomRepository,
} from './ports.js';
export type { DeviceUser, GatewayDoor, GatewayUser, OnlineUser, PresenceListener } from './presence.js';
export type { RoomEntry, Rooms, RoomSummary } from './rooms.js';
export { defaultDomainSettings, type DomainSettings } from './settings.js';
