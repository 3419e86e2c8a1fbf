import { exitCodes } from '@parley/protocol';

const failures = {
  DATA_UNUSABLE: ['yours', 'choose another directory with --data, or give this user the right to write there'],
  DATA_IN_USE: ['yours', 'stop the other server, or choose another directory with --data'],
  DATA_NEWER: ['yours', 'start the newer version, or choose another directory with --data'],
  DATA_CORRUPT: ['ours', 'restore the directory from a backup, or choose an empty one with --data'],
  PORT_IN_USE: ['world', 'stop what uses it, or choose another with PORT (0 picks a free one)'],
  ADDRESS_UNUSABLE: ['world', 'choose an address of this machine with HOST, and with PORT one from 1024 on'],
} as const satisfies Record<string, readonly [keyof typeof exitCodes, string]>;

type FailureCode = keyof typeof failures;

/** The options that say where something listens. */
export interface ListenFlags {
  readonly host: string;
  readonly port: string;
}

export const controlFlags: ListenFlags = { host: '--host', port: '--port' };

/** Why the server did not start: what is wrong, and what the operator may do. */
export class StartFailure extends Error {
  override readonly name = 'StartFailure';
  readonly code: FailureCode;
  readonly #flags: ListenFlags;

  /** @param options `flags`: those that the advice is to name */
  constructor(code: FailureCode, message: string, options: { cause?: unknown; flags?: ListenFlags } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.#flags = options.flags ?? controlFlags;
  }

  get exitCode(): number {
    return exitCodes[failures[this.code][0]];
  }

  get advice(): string {
    const { host, port } = this.#flags;
    return failures[this.code][1].replace('PORT', port).replace('HOST', host);
  }
}
