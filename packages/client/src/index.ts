/**
 * The Parley messenger as a library: what `mca` itself uses.
 *
 *     import { createClient } from '@parley/client';
 *     const client = await createClient({ home: './bot' });
 *     await client.connect('localhost');
 *     await client.login('echo', 'its password');
 *     for await (const event of client.events()) {
 *       if (event.event === 'message') await client.send(event.text);
 *     }
 */
export { createClient, type ClientOptions } from './compose.js';
export { gatewayFingerprint } from './engine/api.js';
export type {
  AcceptPolicy,
  CallOptions,
  ClientEvent,
  ConnectedServer,
  ConversationKeys,
  ConversationStatus,
  FoundServer,
  MessageEvent,
  Notice,
  ParleyClient,
  Path,
  ReceiptEvent,
  RoomEvent,
  ServerStateEvent,
  SessionEndReason,
  SessionEvent,
  Status,
} from './engine/api.js';
export { defaultSettings, type EngineSettings } from './engine/settings.js';
export { ParleyError, type ErrorCode } from '@parley/protocol';
