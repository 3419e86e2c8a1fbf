import { plainLine } from '@parley/text';
import { encodePeerMessage, PeerMessageDecoder, peerTextBytes, type PeerMessage } from './messages.js';

/** Who calls, and where the caller can be called. */
export interface CallerParticulars {
  readonly address: string;
  readonly port: number;
  readonly name: string;
}

export type ChatEvent =
  /** To be answered with `answer`. */
  | { readonly type: 'called'; readonly caller: CallerParticulars }
  | { readonly type: 'agreed' }
  | { readonly type: 'declined' }
  /** May be empty. */
  | { readonly type: 'text'; readonly text: string }
  /** The other side has said END. */
  | { readonly type: 'ended' }
  /** The other side breaks the protocol; nothing more is taken. */
  | { readonly type: 'problem'; readonly problem: string };

/**
 * `listening`: for CONN. `called`: CONN has come, our RESP has not gone. `calling`: the other way round. `talking`: TEXT
 * both ways, until END from either side.
 */
type ChatState = 'listening' | 'called' | 'calling' | 'talking' | 'ended';

/** A client’s text buffer keeps a byte for the NUL that it may put behind what it reads. */
const pieceBytes = peerTextBytes - 1;

const encoder = new TextEncoder();
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * One end of a connection between two clients. What comes in goes to `received`, which yields one event for each message;
 * the other methods give the bytes that are to go out.
 */
export class PeerChat {
  readonly #decoder = new PeerMessageDecoder();
  #state: ChatState = 'listening';

  get state(): ChatState {
    return this.#state;
  }

  /** Whether a message has begun to come in and is not complete. */
  get begun(): boolean {
    return this.#decoder.begun;
  }

  /** Begins as the caller, with CONN. @throws RangeError when the name does not fit (`isPeerName`), or the address is no IPv4 */
  call(ours: CallerParticulars): Uint8Array {
    this.#leave('listening', 'calling');
    return encodePeerMessage({ type: 'conn', ...ours });
  }

  /** The RESP to CONN. */
  answer(agree: boolean): Uint8Array {
    this.#leave('called', agree ? 'talking' : 'ended');
    return encodePeerMessage({ type: 'resp', agree });
  }

  /**
   * The text as TEXT messages, one for each line that is not empty, so that no line can pass for one of the client's own;
   * safe for the terminal at the other end, and cut between characters where it is longer than the client’s buffer. The
   * size counts the bytes of the text; there is neither a newline nor a NUL behind it.
   */
  say(text: string): Uint8Array {
    this.#leave('talking', 'talking');
    return joined(plainLines(text).split('\n').flatMap(textMessages));
  }

  /** END, where the other side does not know it yet. */
  end(): Uint8Array {
    const known = this.#state === 'ended' || this.#state === 'listening';
    this.#state = 'ended';
    return known ? new Uint8Array(0) : encodePeerMessage({ type: 'end' });
  }

  /** Takes nothing more once the chat has ended. */
  *received(bytes: Uint8Array): Generator<ChatEvent> {
    for (const decoded of this.#decoder.push(bytes)) {
      if (this.#state === 'ended') return;
      const event = 'problem' in decoded ? { type: 'problem' as const, ...decoded } : this.#take(decoded.message);
      if (event.type === 'problem') this.#state = 'ended';
      yield event;
    }
  }

  #take(message: PeerMessage): ChatEvent {
    if (message.type === 'conn' && this.#state === 'listening') {
      this.#state = 'called';
      const { address, port, name } = message;
      return { type: 'called', caller: { address, port, name } };
    }
    if (message.type === 'resp' && this.#state === 'calling') {
      this.#state = message.agree ? 'talking' : 'ended';
      return { type: message.agree ? 'agreed' : 'declined' };
    }
    if (message.type === 'text' && this.#state === 'talking') return { type: 'text', text: readText(message.text) };
    if (message.type === 'end' && this.#state !== 'listening') {
      this.#state = 'ended';
      return { type: 'ended' };
    }
    return { type: 'problem', problem: `no ${message.type} is due while ${this.#state}` };
  }

  #leave(from: ChatState, to: ChatState): void {
    if (this.#state !== from) throw new Error(`the chat is ${this.#state}, not ${from}`);
    this.#state = to;
  }
}

/** A text is a C string: some clients count its NUL, some all of their buffer, and some the newline of their input. */
function readText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  const text = utf8.decode(bytes.subarray(0, end === -1 ? bytes.length : end));
  return plainLines(text.replace(/[\r\n]+$/, ''));
}

function plainLines(text: string): string {
  return text.split(/\r?\n/).map(plainLine).join('\n');
}

function textMessages(line: string): Uint8Array[] {
  const bytes = encoder.encode(line);
  const messages: Uint8Array[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = cutBetweenCharacters(bytes, start + pieceBytes);
    messages.push(encodePeerMessage({ type: 'text', text: bytes.subarray(start, end) }));
    start = end;
  }
  return messages;
}

/** The last place at or before `end` where no character of UTF-8 is cut. */
function cutBetweenCharacters(bytes: Uint8Array, end: number): number {
  if (end >= bytes.length) return bytes.length;
  let cut = end;
  while (((bytes[cut] ?? 0) & 0xc0) === 0x80) cut -= 1;
  return cut;
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
