import type { z } from 'zod';
import { commands } from './commands/index.js';
import { events } from './events.js';

/**
 * The version of `--json` (docs/protocol/json.md), which both programs speak. It counts up when a field changes its
 * meaning or goes; a new field, event or command is no new version.
 */
export const jsonVersion = 1;

/** The version this code speaks. */
export const protocolVersion = 1;

export type Method = keyof typeof commands;
/** Parameters as a caller writes them and as a handler gets them. */
export type Params<M extends Method> = z.output<(typeof commands)[M]['params']>;
export type Result<M extends Method> = z.output<(typeof commands)[M]['result']>;

export type EventName = keyof typeof events;
export type EventParams<E extends EventName> = z.output<(typeof events)[E]['params']>;
/** Any one notification, told apart by `name`. */
export type ServerEvent = { [E in EventName]: { readonly name: E; readonly params: EventParams<E> } }[EventName];

export function isMethod(name: string): name is Method {
  return Object.hasOwn(commands, name);
}

export function isEventName(name: string): name is EventName {
  return Object.hasOwn(events, name);
}
