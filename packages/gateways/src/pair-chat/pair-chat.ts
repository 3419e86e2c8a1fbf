import { KeptLines } from './kept-lines.js';

/** What the first of a pair reads when it connects: 34 bytes, without LF or NUL. */
const pairGreeting = "YOU'RE CONNECTED TO : @MAIN SERVER";

/** What everyone reads when the operator closes the chat: 22 bytes, without LF or NUL. */
const pairClosing = 'SERVEUR WILL CLOSE NOW';

/**
 * A line that begins so ends the conversation, when its turn has come: out of turn it is kept like every line, so that
 * nothing written before it is cut off. Who wants to leave at once closes the connection.
 */
const exitWord = 'exit';

/** Lines that pass between two in one call; two who have written far ahead take thousands of turns. */
const turnsMax = 64;

/** Of those who went, the last ones are still shown. */
const goneShownMax = 8;

/** One client as the operator sees it. */
export interface PairClient {
  readonly address: string;
  readonly port: number;
  readonly state: 'connected' | 'disconnected';
  /** Its partner's address and port, `192.0.2.1:4711` or `[2001:db8::1]:4711`; null while it had none. */
  readonly with: string | null;
}

/** What the machine wants done, in this order. A client is named by the id it was connected with. */
export type PairOutput =
  | { readonly kind: 'write'; readonly id: number; readonly bytes: Uint8Array }
  /** After what was written before; its id means nothing any more. */
  | { readonly kind: 'close'; readonly id: number }
  /** It has written so much out of turn that nothing more is to be read from it for now. */
  | { readonly kind: 'pause' | 'resume'; readonly id: number }
  /** It is the first of a pair, and alone. */
  | { readonly kind: 'waiting'; readonly id: number }
  | { readonly kind: 'paired'; readonly first: number; readonly second: number }
  /** The first line has passed between the two. */
  | { readonly kind: 'talking'; readonly first: number; readonly second: number }
  | { readonly kind: 'log'; readonly line: string };

const encoder = new TextEncoder();

interface Member {
  readonly id: number;
  readonly address: string;
  readonly port: number;
  /** How it is named, here and to the operator. */
  readonly label: string;
  readonly kept: KeptLines;
  isPaused: boolean;
  pair: Pair | null;
  /** To be written at the next poll. */
  unwritten: string;
}

interface Pair {
  readonly first: Member;
  readonly second: Member;
  writer: Member;
  isTalking: boolean;
  /** One of them is gone; what it had written ahead goes to its partner, and then that one goes too. */
  leaver: Member | null;
}

/**
 * The pair chat, all of it: clients come in pairs in order of arrival and write in turns, line by line; what is written
 * out of turn is kept. Knows no socket: what is to be done is polled after each call; and while there is more, `goOn` is
 * to be called when others have had their turn.
 */
export class PairChat {
  readonly #members = new Map<number, Member>();
  readonly #gone: PairClient[] = [];
  #outputs: PairOutput[] = [];
  #polled = 0;
  /** Those who have something to be written, which goes out together. */
  readonly #unwritten = new Set<Member>();
  /** Whose turns were too many for one call. */
  readonly #busy = new Set<Pair>();
  /** The first of a pair whose second has not come. */
  #waiting: Member | null = null;

  /** @param id a number that no other connected client has */
  connected(id: number, { address, port }: { readonly address: string; readonly port: number }): void {
    if (this.#members.has(id)) throw new Error(`two pair clients with the id ${String(id)}`);
    const label = address.includes(':') ? `[${address}]:${String(port)}` : `${address}:${String(port)}`;
    const member: Member = {
      id,
      address,
      port,
      label,
      kept: new KeptLines(),
      isPaused: false,
      pair: null,
      unwritten: '',
    };
    this.#members.set(id, member);
    this.#log(`${label} connected`);
    const first = this.#waiting;
    if (first) {
      this.#waiting = null;
      this.#join(first, member);
    } else {
      this.#waiting = member;
      this.#write(member, pairGreeting);
      this.#outputs.push({ kind: 'waiting', id });
    }
  }

  /** @param bytes are kept, not copied. Those of a client that was closed mean nothing. */
  receive(id: number, bytes: Uint8Array): void {
    const member = this.#members.get(id);
    // There is nobody left who could read it.
    if (!member || member.pair?.leaver) return;
    member.kept.push(bytes);
    if (member.pair) this.#takeTurns(member.pair);
    else this.#weigh(member);
  }

  /** The connection is gone. Of a client that was closed it means nothing. */
  disconnected(id: number): void {
    const member = this.#members.get(id);
    if (member) this.#leave(member, 'it is gone');
  }

  /** Says good-bye to everyone; who comes after is the first of a new pair. */
  closeAll(): void {
    for (const member of [...this.#members.values()]) {
      this.#write(member, pairClosing);
      this.#close(member, 'the chat was closed');
    }
    this.#waiting = null;
  }

  /** Whether some have more turns to take, which `goOn` gives them when others have had theirs. */
  get hasMore(): boolean {
    return this.#busy.size > 0;
  }

  goOn(): void {
    const busy = [...this.#busy];
    this.#busy.clear();
    for (const pair of busy) {
      if (pair.leaver) this.#passOn(pair, pair.leaver);
      else this.#takeTurns(pair);
    }
  }

  pollOutput(): PairOutput | undefined {
    for (const member of this.#unwritten) this.#flush(member);
    const output = this.#outputs[this.#polled];
    if (output) this.#polled += 1;
    else if (this.#polled > 0) {
      this.#outputs = [];
      this.#polled = 0;
    }
    return output;
  }

  /** How many are connected. */
  get count(): number {
    return this.#members.size;
  }

  /** Who is connected, in order of arrival, and then the last ones who were. */
  clients(): PairClient[] {
    const connected = Array.from(this.#members.values(), (member) => shown(member, 'connected'));
    return [...connected, ...this.#gone];
  }

  #join(first: Member, second: Member): void {
    const pair: Pair = { first, second, writer: first, isTalking: false, leaver: null };
    first.pair = pair;
    second.pair = pair;
    this.#log(`${first.label} is paired with ${second.label}`);
    this.#outputs.push({ kind: 'paired', first: first.id, second: second.id });
    // The first may have written already.
    this.#takeTurns(pair);
  }

  /** Passes lines on for as long as the one whose turn it is has one, and others need not wait too long. */
  #takeTurns(pair: Pair): void {
    for (let turns = 0; ; turns += 1) {
      if (turns === turnsMax) {
        this.#busy.add(pair);
        break;
      }
      const { writer } = pair;
      const line = writer.kept.shift();
      if (line === undefined) break;
      const reader = partnerOf(writer, pair);
      this.#pass(line, reader);
      if (!pair.isTalking) {
        pair.isTalking = true;
        this.#outputs.push({ kind: 'talking', first: pair.first.id, second: pair.second.id });
      }
      if (line.startsWith(exitWord)) {
        this.#close(writer, 'it said exit');
        this.#close(reader, 'its partner said exit');
        return;
      }
      pair.writer = reader;
    }
    this.#weigh(pair.first);
    this.#weigh(pair.second);
  }

  /** Acts on how much a client has written ahead. */
  #weigh(member: Member): void {
    const { id, kept } = member;
    if (!this.#members.has(id)) return;
    if (kept.isBroken) {
      this.#flush(member);
      this.#outputs.push({ kind: 'close', id });
      this.#leave(member, 'its line was too long');
    } else if (!member.pair && kept.first?.startsWith(exitWord)) {
      // It has nobody to pass it on to, and need not wait for somebody.
      this.#waiting = null;
      this.#close(member, 'it said exit');
    } else if (kept.isFull !== member.isPaused) {
      member.isPaused = kept.isFull;
      this.#outputs.push({ kind: kept.isFull ? 'pause' : 'resume', id });
    }
  }

  /**
   * The end of one client is the end of its pair. There are no more turns to wait for, so what it had written ahead
   * goes to its partner first: nothing is lost.
   */
  #leave(member: Member, reason: string): void {
    this.#forget(member, reason);
    if (this.#waiting === member) this.#waiting = null;
    const { pair } = member;
    if (!pair || pair.leaver) return;
    pair.leaver = member;
    this.#passOn(pair, member);
  }

  #passOn(pair: Pair, leaver: Member): void {
    const partner = partnerOf(leaver, pair);
    for (let lines = 0; lines < turnsMax; lines += 1) {
      const line = leaver.kept.shift() ?? exitWord;
      this.#pass(line, partner);
      if (!line.startsWith(exitWord)) continue;
      this.#close(partner, 'its partner left');
      return;
    }
    this.#busy.add(pair);
  }

  #close(member: Member, reason: string): void {
    this.#flush(member);
    this.#outputs.push({ kind: 'close', id: member.id });
    this.#forget(member, reason);
  }

  #forget(member: Member, reason: string): void {
    this.#members.delete(member.id);
    if (member.pair) this.#busy.delete(member.pair);
    this.#unwritten.delete(member);
    this.#log(`${member.label} disconnected: ${reason}`);
    this.#gone.push(shown(member, 'disconnected'));
    if (this.#gone.length > goneShownMax) this.#gone.shift();
  }

  /** The form of every line that is passed on: without its end, and with one NUL behind. */
  #pass(line: string, reader: Member): void {
    this.#write(reader, `${line}\0`);
  }

  #write(member: Member, text: string): void {
    member.unwritten += text;
    this.#unwritten.add(member);
  }

  #flush(member: Member): void {
    const { id, unwritten } = member;
    if (!this.#unwritten.delete(member)) return;
    member.unwritten = '';
    this.#outputs.push({ kind: 'write', id, bytes: encoder.encode(unwritten) });
  }

  #log(line: string): void {
    this.#outputs.push({ kind: 'log', line });
  }
}

function partnerOf(member: Member, { first, second }: Pair): Member {
  return member === first ? second : first;
}

function shown(member: Member, state: PairClient['state']): PairClient {
  const { address, port, pair } = member;
  return { address, port, state, with: pair && partnerOf(member, pair).label };
}
