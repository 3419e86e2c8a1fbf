import type { Farewell } from './farewell.js';
import type { LinkState } from './link-event.js';

/** Each is a step of the life of a link; it only ever moves down this list. */
export type LinkPhase =
  /** Sends the initiation to every candidate. */
  | { readonly name: 'initiating' }
  /** Sends punches to every candidate, so that the initiation gets in. */
  | { readonly name: 'punching' }
  /** Has answered an initiation, which may be a replay, and says nothing before its sender proves to be there. */
  | { readonly name: 'confirming' }
  /** Packets flow; user content does once the post-quantum secret is mixed in. */
  | { readonly name: 'open'; isReady: boolean }
  /** `close` was called: sends what it was given before. */
  | { readonly name: 'closing'; readonly code: number; readonly reason: string }
  /** Has said CLOSE. */
  | { readonly name: 'closed'; readonly farewell: Farewell }
  | { readonly name: 'gone' };

export function stateOf(phase: LinkPhase): LinkState {
  switch (phase.name) {
    case 'initiating':
    case 'punching':
    case 'confirming':
      return 'connecting';
    case 'open':
      return phase.isReady ? 'established' : 'connecting';
    case 'closing':
      return 'closing';
    case 'closed':
    case 'gone':
      return 'ended';
  }
}
