import { LineConnections, type LineConnection } from './line-connections.js';
import { parseLine, type LineCommand } from './line-command.js';
import type { LineAnswer, LineAsk, LineNews, LineOutput, Refusal } from './line-world.js';
import { joinRefused, messageRefused, roomAnswered, wording } from './line-wording.js';
import { LineOutputs } from './line-outputs.js';
import { plain, textLines } from './plain-text.js';
import { status, type StatusLine } from './status-lines.js';

export interface LineServiceSettings {
  /** Registered users; one more is told so and closed. */
  readonly maxUsers: number;
  /** BCST reaches those too who are none of the line service. */
  readonly broadcastAll: boolean;
  /** Whether each MESG and BCST that is passed on makes a line at level `debug`. */
  readonly logsMessages: boolean;
}

/** What one connection may cause to be written before others have their turn, in characters. */
const turnCharacters = 8 * 1024;

/** As much as this counts a line that is not just passed on to one line user. */
const lineCharacters = 512;

/** Bytes of one connection that may wait behind a line that waits for its answer. */
const maxHeldBytes = 256 * 1024;

/** A longer name could not be shared with the other users. */
const maxNameCharacters = 32;

/**
 * The line service: JOIN, LIST, MESG, BCST and QUIT of the original, whose client is telnet, and ROOM and LEAVE.
 * Connections are named by the number that the protocol shows as FD.
 *
 * Whom `MESG name` reaches: the line user of that name; else what the world knows as a user who is online; else, when
 * it is the name of the room one is in, the room. So a user comes before a room, and what is meant for one person is
 * not said to many.
 */
export class LineService {
  readonly #settings: LineServiceSettings;
  readonly #connections = new LineConnections();
  /** Joins that wait for their answer have their place already. */
  #joining = 0;
  readonly #outputs = new LineOutputs();

  constructor(settings: LineServiceSettings) {
    this.#settings = settings;
  }

  /** @returns the number of the new connection */
  connected(): number {
    this.#outputs.begin();
    const { fd } = this.#connections.add();
    this.#status('info', status.accepted(fd));
    this.#status('info', status.assigned(fd));
    return fd;
  }

  /** @param bytes kept until they are looked at; not to be reused */
  receive(fd: number, bytes: Uint8Array): void {
    const connection = this.#connections.get(fd);
    if (!connection) return;
    this.#outputs.begin();
    connection.hold(connection.telnet.strip(bytes));
    const answers = connection.telnet.takeAnswers();
    if (answers) this.#outputs.push({ type: 'writeBytes', fd, bytes: answers });
    this.#takeTurn(connection);
    if (connection.telnet.isBroken || connection.heldBytes > maxHeldBytes) this.#cutOff(connection);
  }

  /** The client says no more, but may still read. What it said before is dealt with first. */
  ended(fd: number): void {
    const connection = this.#connections.get(fd);
    if (!connection) return;
    this.#outputs.begin();
    connection.hasEnded = true;
    this.#takeTurn(connection);
  }

  /** Ended or broken, whichever side did it; does nothing for one that was given out as `close`. */
  disconnected(fd: number): void {
    const connection = this.#connections.get(fd);
    if (!connection) return;
    this.#outputs.begin();
    this.#status('info', status.disconnecting(fd));
    this.#forget(connection, 'dropped');
  }

  /** Answers an ask; does nothing when it is not waited for any more. The connection goes on with `goOn`. */
  answer(fd: number, ask: LineAsk, answer: LineAnswer): void {
    const connection = this.#connections.get(fd);
    if (connection?.ask !== ask) return;
    this.#outputs.begin();
    connection.ask = undefined;
    if (ask.type === 'join') this.#joining -= 1;
    this.#takeAnswer(connection, ask, answer);
  }

  /** Whether what is written to a connection waits there in such numbers that line users are told so instead. */
  clogged(fd: number, isClogged: boolean): void {
    const connection = this.#connections.get(fd);
    if (connection) connection.isClogged = isClogged;
  }

  /** Whether lines of this connection wait for the answer to an ask, so that no more should be read from it. */
  isWaiting(fd: number): boolean {
    return this.#connections.get(fd)?.ask !== undefined;
  }

  /** Whether a connection has said more than one turn allows, or than an answer let it: then `goOn` goes on. */
  hasMore(fd: number): boolean {
    const connection = this.#connections.get(fd);
    return connection !== undefined && !connection.ask && connection.hasMore;
  }

  /** Takes the next turn of a connection; does nothing when it waits for an answer. */
  goOn(fd: number): void {
    const connection = this.#connections.get(fd);
    if (!connection) return;
    this.#outputs.begin();
    this.#takeTurn(connection);
  }

  /** Tells a registered user what happened in the world. */
  tell(fd: number, news: LineNews): void {
    const connection = this.#connections.get(fd);
    if (connection?.name === undefined) return;
    this.#outputs.begin();
    switch (news.type) {
      case 'text': {
        const from = plain(news.room === null ? news.from : `${news.from}@${news.room}`);
        for (const line of textLines(news.text)) this.#write(connection, wording.from(from, plain(line)));
        break;
      }
      case 'refused':
        this.#write(connection, messageRefused(plain(news.peer), news.why, news.lost));
        break;
      case 'lost':
        this.#write(connection, wording.notDelivered(plain(news.peer), news.count));
        break;
      case 'came':
        this.#write(connection, wording.cameToRoom(plain(news.room), plain(news.name)));
        break;
      case 'went':
        this.#write(connection, wording.wentFromRoom(plain(news.room), plain(news.name)));
        break;
      case 'roomClosed':
        if (connection.room === news.room) connection.room = undefined;
        this.#write(connection, wording.roomClosed(plain(news.room)));
        break;
      case 'shutdown':
        this.#write(connection, wording.shutdown);
        this.#close(connection, 'ended');
        break;
    }
  }

  /** What is to be done next; what is written to one connection comes together. */
  pollOutput(): LineOutput | undefined {
    return this.#outputs.poll();
  }

  // --- what clients say ---------------------------------------------------------------------------------------------

  /** Looks at lines until one has to wait, or so much was caused that others come first. */
  #takeTurn(connection: LineConnection): void {
    while (!connection.ask && this.#outputs.written < turnCharacters && this.#isThere(connection)) {
      const next = connection.nextLine();
      if (!next) {
        if (connection.hasEnded) this.#quit(connection);
        return;
      }
      if ('problem' in next) this.#cutOff(connection);
      else this.#takeCommand(connection, parseLine(next.line));
    }
  }

  #takeCommand(connection: LineConnection, command: LineCommand): void {
    const { fd, name } = connection;
    if (command.type !== 'MESG') this.#outputs.charge(lineCharacters);
    if (command.type === 'QUIT') {
      this.#status('info', status.quit(fd));
      connection.hasQuit = true;
      this.#quit(connection);
    } else if (name !== undefined) this.#takeFromUser(connection, name, command);
    else if (command.type === 'JOIN' && command.name !== '') this.#join(connection, command.name);
    else {
      const word = command.type === 'UNKNOWN' ? command.word : command.type;
      this.#status('info', word === undefined ? status.unrecognizable(fd) : status.unregistered(fd, word));
      this.#write(connection, wording.unregistered);
    }
  }

  #takeFromUser(connection: LineConnection, name: string, command: Exclude<LineCommand, { type: 'QUIT' }>): void {
    const { fd } = connection;
    switch (command.type) {
      case 'MESG':
        this.#message(connection, name, command.to, command.text);
        break;
      case 'BCST':
        this.#broadcast(connection, name, plain(command.text));
        break;
      case 'LIST':
        this.#status('info', status.list(fd));
        this.#ask(connection, { type: 'list' });
        break;
      case 'ROOM':
        this.#status('info', status.room(fd, plain(command.name)));
        this.#ask(connection, { type: 'room', name: command.name });
        break;
      case 'LEAVE':
        this.#status('info', status.leaveRoom(fd));
        if (connection.room === undefined) this.#write(connection, wording.inNoRoom);
        else this.#ask(connection, { type: 'leaveRoom' });
        break;
      case 'JOIN':
        this.#write(connection, wording.alreadyRegistered(name, fd));
        break;
      case 'UNKNOWN':
        this.#status('info', status.unrecognizable(fd));
        this.#write(connection, wording.unknownMessage);
        break;
    }
  }

  /** A registered user goes when what it said to others has arrived, or has had its time to. */
  #quit(connection: LineConnection): void {
    if (connection.name !== undefined) this.#ask(connection, { type: 'settle' });
    else this.#part(connection);
  }

  #part(connection: LineConnection): void {
    this.#status('info', status.disconnecting(connection.fd));
    this.#close(connection, connection.hasQuit ? 'ended' : 'dropped');
  }

  #join(connection: LineConnection, name: string): void {
    const { fd } = connection;
    if (this.#connections.registeredCount + this.#joining >= this.#settings.maxUsers) {
      this.#status('info', status.full(fd));
      this.#write(connection, wording.tooManyUsers);
      this.#close(connection, 'ended');
    } else if (name.length > maxNameCharacters || plain(name) !== name || name.includes(' ')) {
      this.#refuseJoin(connection, plain(name), 'invalid');
    } else if (this.#connections.named(name)) this.#refuseJoin(connection, name, 'taken');
    else {
      this.#joining += 1;
      this.#ask(connection, { type: 'join', name });
    }
  }

  #message(connection: LineConnection, name: string, to: string, text: string): void {
    const recipient = this.#connections.named(to);
    if (!recipient) {
      this.#ask(connection, { type: 'say', to, text: plain(text) });
      return;
    }
    if (recipient.isClogged) {
      this.#write(connection, wording.notDelivered(to, 1));
      return;
    }
    this.#write(recipient, wording.from(name, plain(text)));
    if (this.#settings.logsMessages) this.#status('debug', status.message(connection.fd, to));
  }

  #broadcast(connection: LineConnection, name: string, text: string): void {
    if (this.#settings.logsMessages) this.#status('debug', status.broadcast(connection.fd));
    for (const other of this.#connections.registered) {
      if (other !== connection && !other.isClogged) this.#write(other, wording.from(name, text));
    }
    if (this.#settings.broadcastAll) this.#ask(connection, { type: 'broadcast', text });
  }

  // --- what the world answers ---------------------------------------------------------------------------------------

  #takeAnswer(connection: LineConnection, ask: LineAsk, answer: LineAnswer): void {
    const why = answer.type === 'refused' ? answer.why : undefined;
    switch (ask.type) {
      case 'join':
        if (why === undefined) this.#register(connection, ask.name);
        else this.#refuseJoin(connection, ask.name, why);
        break;
      case 'list':
        this.#list(connection, answer.type === 'names' ? answer.names : []);
        break;
      case 'say':
        if (why === 'unknown' && ask.to === connection.room)
          this.#ask(connection, { type: 'sayInRoom', room: ask.to, text: ask.text });
        else if (why !== undefined) this.#refuseMessage(connection, plain(ask.to), why);
        else if (this.#settings.logsMessages) this.#status('debug', status.message(connection.fd, plain(ask.to)));
        break;
      case 'broadcast':
        break;
      case 'settle':
        this.#part(connection);
        break;
      case 'room':
        if (why === undefined) connection.room = ask.name;
        this.#write(connection, roomAnswered(plain(ask.name), why));
        break;
      case 'sayInRoom':
        if (why !== undefined) this.#write(connection, wording.notDelivered(ask.room, 1));
        break;
      case 'leaveRoom':
        // Closed for all in the same moment, it is left too.
        this.#write(connection, connection.room === undefined ? wording.inNoRoom : wording.roomLeft(connection.room));
        connection.room = undefined;
        break;
    }
  }

  #refuseJoin(connection: LineConnection, name: string, why: Refusal): void {
    this.#status('info', status.joinRefused(connection.fd, name));
    this.#write(connection, joinRefused(name, why));
  }

  #register(connection: LineConnection, name: string): void {
    const { fd } = connection;
    this.#connections.register(connection, name);
    this.#status('info', status.join(fd, name));
    this.#outputs.push({ type: 'registered', fd });
    this.#write(connection, wording.joined(name));
  }

  #list(connection: LineConnection, others: readonly string[]): void {
    this.#write(connection, wording.listHead);
    this.#write(connection, wording.listRule);
    for (const { name, fd } of this.#connections.registered) {
      this.#write(connection, wording.listEntry(name ?? '', fd));
    }
    for (const name of others) this.#write(connection, wording.listEntry(plain(name), 0));
    this.#write(connection, wording.listRule);
  }

  #refuseMessage(connection: LineConnection, to: string, why: Refusal): void {
    if (why === 'unknown') this.#status('info', status.unknownRecipient(to));
    this.#write(connection, messageRefused(to, why, 1));
  }

  // --- outputs ------------------------------------------------------------------------------------------------------

  #write(connection: LineConnection, line: string): void {
    this.#outputs.write(connection, line);
  }

  #ask(connection: LineConnection, ask: LineAsk): void {
    connection.ask = ask;
    this.#outputs.push({ type: 'ask', fd: connection.fd, ask });
  }

  #status(level: StatusLine['level'], line: string): void {
    this.#outputs.log({ level, line });
  }

  #cutOff(connection: LineConnection): void {
    if (!this.#isThere(connection)) return;
    this.#status('info', status.tooLong(connection.fd));
    this.#write(connection, wording.lineTooLong);
    this.#close(connection, 'dropped');
  }

  #close(connection: LineConnection, how: 'ended' | 'dropped'): void {
    this.#outputs.flush(connection);
    this.#forget(connection, how);
    this.#outputs.push({ type: 'close', fd: connection.fd });
  }

  #forget(connection: LineConnection, how: 'ended' | 'dropped'): void {
    const isJoining = connection.ask?.type === 'join';
    if (isJoining) this.#joining -= 1;
    if (isJoining || connection.name !== undefined) this.#outputs.push({ type: 'gone', fd: connection.fd, how });
    this.#connections.remove(connection);
    connection.output = '';
  }

  #isThere(connection: LineConnection): boolean {
    return this.#connections.get(connection.fd) === connection;
  }
}
