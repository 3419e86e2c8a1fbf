// The same conversation in the words of each server.

/** The line service of msa; the bare relay understands the same words, so that it moves the same bytes. */
const line = {
  hello: (name) => `JOIN ${name}\n`,
  isWelcome: (text) => text.endsWith(' Request Accepted'),
  message: (to, text) => `MESG ${to} ${text}\n`,
};

const irc = {
  hello: (name) => `NICK ${name}\r\nUSER ${name} 0 * :${name}\r\n`,
  // RPL_ENDOFMOTD or ERR_NOMOTD, RFC 2812, section 5: the last line of the greeting.
  isWelcome: (text) => / (376|422) /.test(text),
  message: (to, text) => `PRIVMSG ${to} :${text}\r\n`,
  /** Answers a PING, as a client must. */
  pong: (text) => (text.startsWith('PING ') ? `PONG ${text.slice(5)}\r\n` : undefined),
};

export const dialects = { line, irc };
