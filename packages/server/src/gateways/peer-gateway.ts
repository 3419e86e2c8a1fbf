import { isIPv4 } from 'node:net';
import { isPeerName, PeerDirectory, type CallerParticulars, type PeerMessage } from '@parley/gateways';
import { ParleyError } from '@parley/protocol';
import type { HostAndPort } from '../listeners/host-and-port.js';
import { StartFailure } from '../start-failure.js';
import { BridgedPorts, highestPort } from './bridged-ports.js';
import { ConnectionPool } from './connection-pool.js';
import { GatewayListener, type GatewaySocket, type GatewayUse } from './gateway-listener.js';
import type { GatewayParts, PeerSettings } from './gateway-parts.js';
import { messageMs } from './peer-deadline.js';
import { PeerExchange, type ExchangeAnswer } from './peer-exchange.js';
import { PeerMember } from './peer-member.js';
import { PeerTalk } from './peer-talk.js';
import { StatusLog } from './status-log.js';

/** Connections beyond those that the clients may keep open: their exchanges, and strangers. */
const spareConnections = 256;

/** At the ports of all bridged users together: beside calls of the clients, strangers and calls that are just ending. */
const spareCalls = 128;

/** A connection that a client keeps open may be silent so long. */
const keptOpenMs = 600_000;

/** What may wait to be read by a client: several lists of the greatest length. */
const answerQueueBytes = 64 * 1024;

/** What any client can have printed is printed at most this often. */
const printIntervalMs = 1_000;

const unsetAddress = '0.0.0.0';

const nothing: readonly PeerMessage[] = [];
const no: readonly PeerMessage[] = [{ type: 'nack' }];

/** The peer directory: its clients are users of this server, and find all other users in its list. */
export class PeerGateway {
  readonly #parts: GatewayParts;
  readonly #settings: PeerSettings;
  readonly #statusLog: StatusLog;
  readonly #directory: PeerDirectory;
  readonly #listener: GatewayListener;
  /** By port; one whose name is being looked at has a place in the directory, but is not here yet. */
  readonly #members = new Map<number, PeerMember>();
  /** The connection that a client keeps open, one for each: others are for one exchange, or a stranger's. */
  readonly #kept = new Map<GatewaySocket, PeerMember>();
  #ports: BridgedPorts | undefined;
  #unwatch: () => void = () => undefined;
  #stopReaper: () => void = () => undefined;
  readonly #printedAt = { dump: -Infinity, refusal: -Infinity };
  #isStopped = false;

  constructor(parts: GatewayParts, settings: PeerSettings) {
    this.#parts = parts;
    this.#settings = settings;
    this.#statusLog = new StatusLog(parts.log, parts.monotonicMs);
    this.#directory = new PeerDirectory(settings);
    const { clock, log } = parts;
    this.#listener = new GatewayListener({
      name: 'peer directory',
      portFlag: '--peer-port',
      pool: new ConnectionPool(settings.maxUsers + spareConnections),
      statusLog: this.#statusLog,
      strangerMs: messageMs,
      sendQueueBytes: answerQueueBytes,
      clock,
      log,
      accept: (socket) =>
        new PeerExchange(socket, {
          clock,
          log,
          answer: (message) => this.#answer(socket, message),
          closed: () => this.#kept.delete(socket),
        }),
    });
  }

  /** @throws StartFailure PORT_IN_USE, ADDRESS_UNUSABLE */
  async listen(host: string): Promise<HostAndPort> {
    const { basePort, maxUsers } = this.#settings;
    if (basePort + maxUsers - 1 > highestPort) {
      const wanted = `${String(maxUsers)} clients of the peer directory from port ${String(basePort)} on`;
      const flags = { host: '--gateway-host', port: '--peer-base-port' };
      throw new StartFailure('ADDRESS_UNUSABLE', `there are not enough ports for ${wanted}`, { flags });
    }
    const bound = await this.#listener.listen(host, this.#settings.port);
    const { clock, log, messenger } = this.#parts;
    const ports = new BridgedPorts({
      host: bound.host,
      firstPort: basePort + maxUsers,
      places: maxUsers + spareCalls,
      statusLog: this.#statusLog,
      clock,
      log,
      accept: (socket, user) => this.#acceptCall(socket, user),
    });
    this.#ports = ports;
    const came = ({ name, door }: { name: string; door: string }): void => {
      // A longer name would be cut, and then might be somebody else's: such a user is not listed.
      if (door !== 'peer' && isPeerName(name)) ports.came(name);
    };
    this.#unwatch = messenger.watchPresence({
      came,
      went: (name) => {
        ports.went(name);
      },
    });
    messenger.onlineUsers().forEach(came);
    return bound;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#unwatch();
    for (const { source, port } of this.#directory.who()) {
      this.#directory.down(source, port);
      this.#leave(port, 'ended');
    }
    await Promise.all([this.#listener.close(), this.#ports?.close()]);
  }

  // --- the directory ------------------------------------------------------------------------------------------------

  async #answer(socket: GatewaySocket, message: PeerMessage): Promise<ExchangeAnswer> {
    switch (message.type) {
      case 'up':
        return this.#up(socket, message.name, message.address);
      case 'down':
        this.#down(socket, message.port);
        return nothing;
      case 'alive':
        if (!this.#directory.alive(this.#parts.monotonicMs(), socket.address, message.port)) return no;
        this.#keep(socket, this.#members.get(message.port));
        this.#scheduleReaper();
        return [{ type: 'ack', port: message.port }];
      case 'who':
        return this.#who(socket);
      case 'dump':
        this.#dump();
        return nothing;
      case 'shutdown':
        return this.#shutdown(socket);
      case 'ack':
      case 'nack':
      case 'hdr':
      case 'peer':
      case 'conn':
      case 'resp':
      case 'text':
      case 'end':
        return 'end';
    }
  }

  async #up(socket: GatewaySocket, name: string, announced: string): Promise<ExchangeAnswer> {
    const source = socket.address;
    // The structs have no room for another kind of address.
    if (this.#isStopped || !isPeerName(name) || !isIPv4(source)) return no;
    const address = announced === unsetAddress ? source : announced;
    const client = this.#directory.up(this.#parts.monotonicMs(), { name, address, source });
    if ('refused' in client) return no;
    const { port } = client;
    let member: PeerMember;
    try {
      member = await PeerMember.join(this.#parts, client, socket.port, {
        statusLog: this.#statusLog,
        portOf: (user) => this.#ports?.portOf(user) ?? Promise.resolve(undefined),
      });
    } catch (error) {
      if (this.#directory.byName(name) === client) this.#directory.down(source, port);
      if (error instanceof ParleyError) return no;
      throw error;
    }
    // Meanwhile it may have lost its place.
    if (this.#directory.byName(name) !== client) {
      member.leave('ended');
      return no;
    }
    this.#members.set(port, member);
    this.#scheduleReaper();
    this.#keep(socket, member);
    this.#statusLog.write('info', 'peer directory: a client is up', { name, user: member.name, port });
    return [{ type: 'ack', port }];
  }

  #down(socket: GatewaySocket, port: number): void {
    const client = this.#directory.down(socket.address, port);
    if (client) this.#leave(client.port, 'ended');
  }

  /** One snapshot. */
  async #who(socket: GatewaySocket): Promise<ExchangeAnswer> {
    await this.#ports?.ready();
    const peers: PeerMessage[] = this.#directory
      .who()
      .filter(({ port }) => this.#members.has(port))
      .map(({ name, address, port }) => ({ type: 'peer', name, address, port }));
    const ours = socket.localAddress;
    const bridged = isIPv4(ours) ? (this.#ports?.listed() ?? []) : [];
    for (const { name, port } of bridged) peers.push({ type: 'peer', name, address: ours, port });
    return [{ type: 'hdr', count: peers.length }, ...peers];
  }

  #dump(): void {
    if (!this.#mayPrint('dump')) return;
    const state = { clients: this.#directory.who(), others: this.#ports?.listed() ?? [] };
    this.#parts.log.info(state, 'peer directory: the state, as a client asked');
  }

  #shutdown(socket: GatewaySocket): ExchangeAnswer {
    const { log, stopServer } = this.#parts;
    if (!this.#settings.allowShutdown || !isLoopback(socket.address)) {
      if (this.#mayPrint('refusal')) {
        log.warn({ address: socket.address }, 'peer directory: a client asked to end the server, and was refused');
      }
      return no;
    }
    log.info('peer directory: a client ends the server');
    stopServer();
    return nothing;
  }

  #mayPrint(what: 'dump' | 'refusal'): boolean {
    const now = this.#parts.monotonicMs();
    if (now < this.#printedAt[what] + printIntervalMs) return false;
    this.#printedAt[what] = now;
    return true;
  }

  #keep(socket: GatewaySocket, member: PeerMember | undefined): void {
    if (!member || this.#kept.has(socket) || [...this.#kept.values()].includes(member)) return;
    this.#kept.set(socket, member);
    socket.settle(keptOpenMs);
  }

  #leave(port: number, how: 'ended' | 'dropped'): void {
    const member = this.#members.get(port);
    this.#members.delete(port);
    this.#scheduleReaper();
    if (!member) return;
    for (const [socket, keeper] of this.#kept) {
      if (keeper !== member) continue;
      this.#kept.delete(socket);
      socket.unsettle();
    }
    member.leave(how);
    this.#statusLog.write('info', 'peer directory: a client is gone', { user: member.name, port, how });
  }

  #scheduleReaper(): void {
    this.#stopReaper();
    const next = this.#directory.nextTimeout();
    if (next === undefined) return;
    this.#stopReaper = this.#parts.clock.after(Math.max(0, next - this.#parts.monotonicMs()), () => {
      for (const { port } of this.#directory.expired(this.#parts.monotonicMs())) this.#leave(port, 'dropped');
      this.#scheduleReaper();
    });
  }

  // --- calls of clients to other users ------------------------------------------------------------------------------

  #acceptCall(socket: GatewaySocket, user: string): GatewayUse {
    const talk: PeerTalk = new PeerTalk(this.#parts);
    return talk.listen(socket, (caller) => {
      const member = this.#caller(caller, socket.address);
      if (member) member.takeCall(talk, user);
      else talk.answer(false);
    });
  }

  /** Known by its name, and only where that is called from where it came up. */
  #caller({ name }: CallerParticulars, source: string): PeerMember | undefined {
    const client = this.#directory.byName(name);
    return client?.source === source ? this.#members.get(client.port) : undefined;
  }
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}
