/**
 * Every limit of the control and peer protocols, each with its reason. Sizes in bytes and times in milliseconds unless
 * the name says otherwise. What an operator may change starts from these values.
 */
export const limits = {
  /** A control line from a client, without its newline. The longest honest one names the 256 members of a room. */
  lineBytes: 64 * 1024,
  /** A line from the server: a page of a list, or the introductions to every member of a full room. */
  serverLineBytes: 1024 * 1024,
  /** What may wait to be written to one client that does not read; then it is dropped. */
  sendQueueBytes: 4 * 1024 * 1024,
  /** A text, as UTF-8. Fits one receive window many times and needs no streaming on screen. */
  textBytes: 16 * 1024,
  /** A peer frame with such a text, in base64, on its way to or from a gateway. */
  frameCharacters: 24 * 1024,
  /** Frames in one line to or from a gateway, and their characters together: they fit a control line. */
  batchFrames: 64,
  batchCharacters: 48 * 1024,
  nameCharacters: 32,
  passwordMinCharacters: 8,
  /** Bounds the work of normalising and hashing; bcrypt itself sees a fixed-size pre-hash. */
  passwordMaxCharacters: 1024,
  /** Candidates in one introduction: ten interfaces with three addresses each, and what STUN saw. */
  candidates: 32,
  /** What one device tells the other of its addresses, sealed, in base64: `candidates` of them, and what NAT there is. */
  offerCharacters: 4 * 1024,
  /** A relay frame in base64: the largest datagram that is relayed, 1,500 bytes, and its header. */
  relayFrameCharacters: 2_048,
  /** Relay frames in one line: they fit a control line. */
  relayFrames: 24,
  /** Names in one page of a list. */
  pageNames: 500,
  /** Members of one room: each talks to each other, so traffic grows with the square. */
  roomMembers: 64,
  /** What an operator may raise that to: the introductions of all members still fit in one line from the server. */
  roomMembersMax: 256,
  /** Rooms one account may own, so that no one fills the table. */
  roomsOwned: 100,
  /** Requests of one connection that may wait for their replies. */
  pendingRequests: 64,
  /** Both sides ping a control connection this often; after two intervals of silence it is gone. */
  pingIntervalMs: 20_000,
  pingMisses: 2,
  /** A stranger has this long to complete the TLS handshake. */
  tlsHandshakeMs: 5_000,
  /** How long a call rings before it counts as declined. */
  ringMs: 30_000,
  /** How long the server keeps the sessions and rooms of a user whose control connection broke. */
  resumeGraceMs: 60_000,
  /** A resume token that is not used for this long is void. */
  resumeTokenMs: 30 * 24 * 3_600_000,
} as const;

/** Token buckets for each connection, by the rate class a command declares: `burst` at once, then `perSecond`. */
export const rates = {
  /** Answered from memory. */
  light: { burst: 500, perSecond: 200 },
  /** Reads a page of the database, or writes a row. */
  store: { burst: 100, perSecond: 20 },
  /** Makes others receive something. */
  introduce: { burst: 100, perSecond: 10 },
  /** What is said to users behind gateways: counted in KiB of the request's line, not in requests. */
  gateway: { burst: 1_000, perSecond: 500 },
  /** What is relayed over control connections: counted in KiB of the request's line, not in requests. */
  relay: { burst: 2_000, perSecond: 1_000 },
  /** Costs a bcrypt run; the hashing queue bounds all of them together. */
  password: { burst: 50, perSecond: 5 },
} as const;

export type RateClass = keyof typeof rates;
