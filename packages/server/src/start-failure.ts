import { exitCodes } from '@parley/protocol';
import { StoreError, type StoreErrorCode } from '@parley/store';

type FailureCode = StoreErrorCode | 'PORT_IN_USE' | 'ADDRESS_UNUSABLE';

const failures = {
  DATA_UNUSABLE: ['yours', 'choose another directory with --data, or give this user the right to write there'],
  DATA_IN_USE: ['yours', 'stop the other server, or choose another directory with --data'],
  DATA_NEWER: ['yours', 'start the newer version, or choose another directory with --data'],
  DATA_CORRUPT: ['ours', 'restore the directory from a backup, or choose an empty one with --data'],
  PORT_IN_USE: ['world', 'stop what uses it, or choose another with --port (0 picks a free one)'],
  ADDRESS_UNUSABLE: ['world', 'choose an address of this machine with --host, and a port from 1024 on'],
} as const satisfies Record<FailureCode, readonly [keyof typeof exitCodes, string]>;

/** Why the server did not start: what is wrong, and what the operator may do. */
export class StartFailure extends Error {
  override readonly name = 'StartFailure';
  readonly code: FailureCode;

  constructor(code: FailureCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  get exitCode(): number {
    return exitCodes[failures[this.code][0]];
  }

  get advice(): string {
    return failures[this.code][1];
  }

  /** Gives the errors of the store and of files this form; others are defects and stay as they are. */
  static from(error: unknown): unknown {
    if (error instanceof StoreError) return new StartFailure(error.code, error.message, { cause: error });
    const { path, code } = error as NodeJS.ErrnoException;
    if (typeof path !== 'string' || code === undefined) return error;
    return new StartFailure('DATA_UNUSABLE', `cannot use ${path} (${code})`, { cause: error });
  }
}
