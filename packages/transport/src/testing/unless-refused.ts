import { TransportError, type TransportErrorCode } from '../errors.js';

/** @returns what the call does; undefined when the transport refuses it with one of these codes */
export function unlessRefused<T>(codes: readonly TransportErrorCode[], call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (error instanceof TransportError && codes.includes(error.code)) return undefined;
    throw error;
  }
}
