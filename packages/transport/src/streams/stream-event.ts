import type { StreamPriority } from './stream-id.js';

/** What the application learns of the streams of a link. All bytes are the application's to keep. */
export type StreamEvent =
  /** Whole, once, and in the order of sending. */
  | { readonly type: 'message'; readonly bytes: Uint8Array }
  /** `sendMessage` said false; there is room again. */
  | { readonly type: 'drain' }
  /** The peer opened it. */
  | { readonly type: 'stream'; readonly id: number; readonly priority: StreamPriority }
  /** The next bytes of it, 1 to 65,536. */
  | { readonly type: 'stream-data'; readonly id: number; readonly bytes: Uint8Array }
  /** The peer has said all, and all of it was handed over. */
  | { readonly type: 'stream-end'; readonly id: number }
  /** The peer gave up sending; what had not been handed over is lost. */
  | { readonly type: 'stream-reset'; readonly id: number; readonly code: number }
  /** The peer wants no more; what we were sending has been reset. */
  | { readonly type: 'stream-stopped'; readonly id: number; readonly code: number }
  /** `write` said false for it; there is room again. */
  | { readonly type: 'stream-drain'; readonly id: number }
  /** `open` threw STREAM_LIMIT; the peer allows more now. */
  | { readonly type: 'streams-available' }
  | { readonly type: 'datagram'; readonly bytes: Uint8Array };
