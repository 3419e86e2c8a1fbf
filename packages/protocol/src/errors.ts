/** Exit codes of both programs, as a script sees them. */
export const exitCodes = {
  done: 0,
  /** Wrong usage, wrong name, wrong password: the caller can mend it. */
  yours: 1,
  /** A defect or broken data on this side. */
  ours: 2,
  /** The server, the network or the other person's device. */
  world: 3,
  /** A key is not the one that was pinned. */
  trust: 4,
  /** Too many requests; try again later. */
  rate: 5,
  /** Sent from here, not confirmed by the other device. */
  undelivered: 6,
} as const;

export type Fault = Exclude<keyof typeof exitCodes, 'done'>;

/** One row for each code: whose fault it is (and so the exit code), the JSON-RPC number, and what it means. */
const table = {
  // JSON-RPC 2.0, section 5.1
  PARSE_ERROR: ['yours', -32700, 'the line is no JSON text'],
  INVALID_REQUEST: ['yours', -32600, 'the JSON text is no JSON-RPC 2.0 request'],
  UNKNOWN_METHOD: ['yours', -32601, 'no such method'],
  INVALID_PARAMS: ['yours', -32602, 'a parameter is missing or has the wrong form'],
  INTERNAL: ['ours', -32603, 'a defect on this side'],
  // accounts
  NAME_INVALID: ['yours', 1001, 'a name is 2 to 32 of a-z, 0-9, _ and -, and begins with a letter or digit'],
  NAME_TAKEN: ['yours', 1002, 'somebody has this name'],
  PASSWORD_INVALID: ['yours', 1003, 'a password has 8 to 1,024 characters'],
  BAD_CREDENTIALS: ['yours', 1004, 'unknown name or wrong password'],
  ALREADY_CONNECTED: ['yours', 1005, 'already connected, here or elsewhere'],
  NOT_LOGGED_IN: ['yours', 1006, 'log in first'],
  ALREADY_LOGGED_IN: ['yours', 1007, 'this connection is logged in already'],
  TOKEN_INVALID: ['yours', 1008, 'the resume token is unknown or expired'],
  // conversations
  UNKNOWN_USER: ['yours', 1101, 'no user has this name'],
  USER_OFFLINE: ['world', 1102, 'the user is not online'],
  SELF: ['yours', 1103, 'that is you'],
  BUSY: ['world', 1104, 'the user is in another conversation'],
  DECLINED: ['world', 1105, 'the user declined or did not answer'],
  NO_PATH: ['world', 1106, 'no network path to the other device was found'],
  PEER_LOST: ['world', 1107, 'the other device is gone'],
  NO_CONVERSATION: ['yours', 1108, 'no session or room is open'],
  NO_CALLER: ['yours', 1109, 'nobody is calling'],
  TEXT_INVALID: ['yours', 1110, 'a text is 1 to 16,384 bytes of UTF-8 without control characters'],
  KEY_CHANGED: ['trust', 1111, 'the key of the other device is not the one pinned'],
  NOTHING_TO_TRUST: ['yours', 1112, 'no changed key is waiting for trust'],
  // rooms
  UNKNOWN_ROOM: ['yours', 1201, 'no room has this name'],
  ROOM_FULL: ['world', 1202, 'the room is full'],
  ROOM_LIMIT: ['yours', 1203, 'you own as many rooms as one account may'],
  NOT_OWNER: ['yours', 1204, 'only the owner of the room may do this'],
  NOT_MEMBER: ['yours', 1205, 'you are not in this room'],
  // the server
  SERVER_FULL: ['world', 1301, 'the server has as many clients as it takes'],
  SERVER_BUSY: ['rate', 1302, 'the server is busy; try again later'],
  RATE_LIMITED: ['rate', 1303, 'too many requests; try again later'],
  SERVER_SHUTDOWN: ['world', 1304, 'the server is shutting down'],
  VERSION_UNSUPPORTED: ['yours', 1305, 'client and server have no protocol version in common'],
  LINE_TOO_LONG: ['yours', 1306, 'the line is longer than 65,536 bytes'],
  // the client's side of the control connection
  SERVER_UNREACHABLE: ['world', 1401, 'the server cannot be reached'],
  SERVER_LOST: ['world', 1402, 'the connection to the server broke'],
  SERVER_KEY_CHANGED: ['trust', 1403, 'the certificate of the server is not the one pinned'],
  NOT_CONNECTED: ['yours', 1404, 'connect to a server first'],
  // at the command line
  USAGE: ['yours', 1501, 'the command was not used as its help says'],
  UNKNOWN_COMMAND: ['yours', 1502, 'no such command'],
  EXPECTED_FAILURE: ['yours', 1503, 'a script line marked with ! succeeded'],
  TIMEOUT: ['world', 1504, 'nothing happened in time'],
  ABORTED: ['yours', 1505, 'stopped before it was done'],
  PROFILE_LOCKED: ['yours', 1506, 'another process uses this profile'],
  PROFILE_UNUSABLE: ['yours', 1507, 'the files of this profile cannot be read or written'],
  ADDRESS_UNUSABLE: ['yours', 1508, 'the UDP socket cannot be bound to this address'],
  UNDELIVERED: ['undelivered', 1509, 'not confirmed by the other device'],
} as const satisfies Record<string, readonly [Fault, number, string]>;

export type ErrorCode = keyof typeof table;

export interface ErrorFacts {
  readonly code: ErrorCode;
  readonly fault: Fault;
  /** JSON-RPC error number. */
  readonly number: number;
  readonly doc: string;
}

export const errorTable: readonly ErrorFacts[] = Object.entries(table).map(([code, [fault, number, doc]]) => ({
  code: code as ErrorCode,
  fault,
  number,
  doc,
}));

const byCode = new Map(errorTable.map((row) => [row.code, row]));

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && byCode.has(value as ErrorCode);
}

/** An error that crosses a seam: test on `code`, show `message`, look for the reason in `cause`. */
export class ParleyError extends Error {
  override readonly name = 'ParleyError';
  readonly code: ErrorCode;
  /** For errors of fault `rate`: when another try makes sense, in milliseconds. */
  readonly retryAfterMs?: number;

  constructor(code: ErrorCode, message?: string, options?: { cause?: unknown; retryAfterMs?: number }) {
    super(message ?? errorFacts(code).doc, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    if (options?.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
  }
}

export function errorFacts(code: ErrorCode): ErrorFacts {
  const facts = byCode.get(code);
  if (!facts) throw new Error(`no facts for the error code ${code}`);
  return facts;
}

export function exitCodeOf(code: ErrorCode): number {
  return exitCodes[errorFacts(code).fault];
}
