/** A peer directory on real sockets, with people of all kinds around it. */
import { rates } from '@parley/protocol';
import { expect } from '@jest/globals';
import type { PeerMessage } from '@parley/gateways';
import { NetworkRates } from '../dispatch/network-rates.js';
import { FakeWorld } from '../domain/fake-world.fixture.js';
import { createLog } from '../log.js';
import { BridgedUser, type BridgeEvents } from './bridged-user.js';
import type { GatewayParts, PeerSettings } from './gateway-parts.js';
import type { PeerPhone } from './peer-client.fixture.js';
import { freePorts, PeerWire } from './peer-client.fixture.js';
import { PeerGateway } from './peer-gateway.js';
import { until } from './until.fixture.js';

const encoder = new TextEncoder();
export const maxUsers = 3;

export let world: FakeWorld;
export let parts: GatewayParts;
export let gateway: PeerGateway;
/** Of the directory. */
export let port: number;
export let basePort: number;
export let logged: Record<string, unknown>[];
export let stopped: number;
let wires: PeerWire[];
export let phones: PeerPhone[];

export async function start(settings: Partial<PeerSettings> = {}): Promise<void> {
  gateway = new PeerGateway(parts, { port: 0, maxUsers, basePort, aliveMs: 20_000, allowShutdown: false, ...settings });
  ({ port } = await gateway.listen('127.0.0.1'));
}

export async function setUp(): Promise<void> {
  world = new FakeWorld();
  logged = [];
  stopped = 0;
  wires = [];
  phones = [];
  basePort = await freePorts(maxUsers + 4);
  const { messenger, clock } = world;
  const write = (line: string): void => {
    logged.push(JSON.parse(line) as Record<string, unknown>);
  };
  const stopServer = (): void => {
    stopped += 1;
  };
  parts = {
    messenger,
    clock,
    monotonicMs: () => clock.now(),
    introductions: new NetworkRates(rates.introduce, () => clock.now()),
    log: createLog('info', { write }),
    stopServer,
  };
  await start();
}

export async function tearDown(): Promise<void> {
  for (const { socket } of wires) socket.destroy();
  for (const phone of phones) phone.close();
  await gateway.stop();
}

export function wire(to = port, from?: string): PeerWire {
  const made = PeerWire.to(to, from);
  wires.push(made);
  return made;
}

/** One exchange on a connection of its own. */
export async function exchange(message: PeerMessage, from?: string): Promise<PeerMessage | 'closed'> {
  const made = wire(port, from);
  const answer = await made.ask(message);
  made.socket.end();
  return answer;
}

export const nack = { type: 'nack' } as const;

export function up(name: string, from?: string, address = '0.0.0.0'): Promise<PeerMessage | 'closed'> {
  return exchange({ type: 'up', address, name }, from);
}

/** UP with any bytes for the name. */
export function upBytes(name: string): Uint8Array {
  const bytes = new Uint8Array(36);
  bytes[0] = 1;
  bytes.set(encoder.encode(name), 8);
  return bytes;
}

export async function who(): Promise<[string, string, number][]> {
  const asking = wire();
  const head = await asking.ask({ type: 'who' });
  if (head === 'closed' || head.type !== 'hdr') throw new Error(JSON.stringify(head));
  const peers: [string, string, number][] = [];
  for (let left = head.count; left > 0; left -= 1) {
    const peer = await asking.next();
    if (peer === 'closed' || peer.type !== 'peer') throw new Error(JSON.stringify(peer));
    peers.push([peer.name, peer.address, peer.port]);
  }
  asking.socket.end();
  expect(await asking.next()).toBe('closed');
  return peers;
}

/** A user of another gateway. */
export class OtherUser {
  readonly told: unknown[] = [];
  answer: 'accept' | 'refuse' | 'wait' = 'accept';
  confirms = true;
  bridged!: BridgedUser;

  static async join(name: string): Promise<OtherUser> {
    const user = new OtherUser();
    const events: BridgeEvents = {
      called: (peer) => {
        user.told.push(['called', peer]);
        if (user.answer === 'accept') user.bridged.accept(peer);
        if (user.answer === 'refuse') user.bridged.refuse(peer, 'DECLINED');
      },
      callEnded: (peer) => user.told.push(['callEnded', peer]),
      opened: (peer) => user.told.push(['opened', peer]),
      closed: (peer, reason, lost) => user.told.push(['closed', peer, reason, lost]),
      refused: (peer, code) => user.told.push(['refused', peer, code]),
      text: (from, _room, text, delivered) => {
        user.told.push(['text', from, text]);
        if (user.confirms) delivered();
      },
      stalled: () => 0,
      roomChanged: () => undefined,
      shutdown: () => undefined,
    };
    user.bridged = await BridgedUser.join(parts, { typed: name, door: 'line', address: '127.0.0.1', port: 5 }, events);
    return user;
  }

  /** Waits until it has been told exactly this next. */
  async hears(...what: unknown[]): Promise<void> {
    await until(`${this.bridged.name} is told: ${what.join(' ')}`, () => this.told.length > 0);
    expect(this.told.shift()).toEqual(what);
  }
}

export function text(content: string): PeerMessage {
  return { type: 'text', text: encoder.encode(content) };
}
