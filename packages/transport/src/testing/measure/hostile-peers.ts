/** What peers can make us hold who were introduced, and then send what nobody reads, with as many gaps as they may. */
import { SeededRandom } from '@parley/simulator';
import { Endpoint } from '../../endpoint.js';
import { bestCrypto } from '../../node/best-crypto.js';
import { streamIdOf } from '../../streams/stream-id.js';
import { streamLimits } from '../../streams/stream-limits.js';
import type { LoggedFrame } from '../frame-log.js';
import { settledMemory } from './memory.js';
import { RawPeer } from '../raw-peer.js';
import { seededKeyPair } from '../simulated-pair.js';

export interface HostileReport {
  /** Of each kind of hostility, what one peer makes JavaScript hold, in the mean; the peer's own side is part of it. */
  readonly heldBytes: Readonly<Record<string, number>>;
  /** By how much the process grew for each, over all kinds. */
  readonly residentBytes: number;
  /** The most that any link says it holds for its peer. */
  readonly mostReceiveBytes: number;
  /** Whose link has ended, for breaking a rule. */
  readonly ended: number;
}

type Attack = (peer: RawPeer) => void;

const { messageWindowBytes, streamWindowBytes, linkWindowBytes, openStreams, datagrams } = streamLimits;
const packetBytes = 1_024;

const attacks: Readonly<Record<string, Attack>> = {
  /** A byte here and a byte there: each a gap, until no more are taken. */
  gaps: (peer) => {
    for (let offset = 1; offset < messageWindowBytes; offset += 100) send(peer, 0, offset, 1);
    const each = Math.floor(linkWindowBytes / openStreams);
    for (let ordinal = 1; ordinal <= openStreams; ordinal += 1) {
      for (let part = 1; part <= 20; part += 1) send(peer, its(ordinal), Math.floor((each * part) / 20) - 1, 1);
    }
  },
  /** All windows full, and all datagrams that are kept. */
  unread: (peer) => {
    for (let offset = 0; offset < messageWindowBytes; offset += packetBytes + 2) {
      // A message of 1,024 bytes: whole ones only, so that each could be read.
      if (offset + packetBytes + 2 <= messageWindowBytes) {
        peer.send({ type: 'stream', id: 0, offset, data: message, isEnd: false });
      }
    }
    for (let sent = 0, ordinal = 1; sent < linkWindowBytes; ordinal += 1) {
      for (let offset = 0; offset < streamWindowBytes && sent < linkWindowBytes; offset += packetBytes) {
        send(peer, its(ordinal), offset, packetBytes);
        sent += packetBytes;
      }
    }
    sendDatagrams(peer);
  },
  /** Ten thousand streams, of which 128 may be open; each has its last byte first, then a little more. */
  streams: (peer) => {
    const far = Math.floor(linkWindowBytes / openStreams) - 1;
    for (let ordinal = 1; ordinal <= openStreams; ordinal += 1) {
      send(peer, its(ordinal), far, 1);
      send(peer, its(ordinal), Math.floor(far / 2), 1);
      const id = its(ordinal);
      peer.send({ type: 'stop-sending', id, code: 1 }, { type: 'max-stream-data', id, limit: 2 ** 40 });
    }
    send(peer, 0, messageWindowBytes - 1, 1);
    sendDatagrams(peer);
  },
  /** One after another, each given up at once; the next ones are not allowed before these were read. */
  resets: (peer) => {
    for (let turn = 0; turn < 10_000 / openStreams; turn += 1) {
      for (let ordinal = 1; ordinal <= openStreams; ordinal += 1) {
        const id = its(ordinal);
        const end: LoggedFrame = { type: 'reset-stream', id, code: turn, finalSize: 5_000 };
        peer.send({ type: 'stream', id, offset: 4_000, data: new Uint8Array(1_000), isEnd: false }, end);
      }
    }
    sendDatagrams(peer);
  },
  /** Frames of no length, pings and challenges, without end. */
  nothing: (peer) => {
    const nothing: LoggedFrame = { type: 'stream', id: its(1), offset: 0, data: new Uint8Array(0), isEnd: false };
    const challenge: LoggedFrame = { type: 'path-challenge', data: new Uint8Array(8) };
    for (let i = 0; i < 2_000; i += 1) {
      peer.send(nothing, challenge, { type: 'ping' }, { type: 'datagram', data: new Uint8Array(0) });
    }
  },
  /** All at once, as far as it goes together. */
  everything: (peer) => {
    const each = Math.floor(linkWindowBytes / openStreams);
    for (let ordinal = 1; ordinal <= openStreams; ordinal += 1) {
      for (let part = 8; part >= 1; part -= 1) send(peer, its(ordinal), Math.floor((each * part) / 8) - 1, 1);
      peer.send({ type: 'stop-sending', id: its(ordinal), code: 1 });
    }
    for (let offset = 1; offset < messageWindowBytes; offset += 260) {
      send(peer, 0, offset, Math.min(259, messageWindowBytes - offset));
    }
    sendDatagrams(peer);
    for (let i = 0; i < 500; i += 1) peer.send({ type: 'path-challenge', data: new Uint8Array(8) });
  },
};

const message = Uint8Array.of(0x40 + (packetBytes >> 8), packetBytes & 0xff, ...new Uint8Array(packetBytes));

/** @param count of peers, of all kinds together, on one endpoint */
export function measureHostilePeers(count: number): HostileReport {
  const crypto = bestCrypto();
  const random = new SeededRandom(1);
  const keyPair = seededKeyPair(random);
  const endpoint = new Endpoint({ crypto, random: (length) => random.bytes(length), keyPair });
  const peers: RawPeer[] = [];
  let now = 1_700_000_000_000;
  const attackBy = (attack: Attack): void => {
    const address = { address: '192.0.2.1', port: 1_024 + peers.length };
    const home = { endpoint, publicKey: keyPair.publicKey, now, address };
    const peer = new RawPeer({ seed: 1 + peers.length, home });
    peers.push(peer);
    attack(peer);
    now = peer.now;
  };
  // The first of each kind brings what all have in common.
  for (const attack of Object.values(attacks)) attackBy(attack);
  const perKind = Math.ceil(count / Object.keys(attacks).length);
  const heldBytes: Record<string, number> = {};
  const first = settledMemory();
  let last = first;
  for (const [name, attack] of Object.entries(attacks)) {
    const before = last;
    for (let i = 0; i < perKind; i += 1) attackBy(attack);
    last = settledMemory();
    heldBytes[name] = (last.heldBytes - before.heldBytes) / perKind;
  }
  return {
    heldBytes,
    residentBytes: (last.residentBytes - first.residentBytes) / (perKind * Object.keys(attacks).length),
    mostReceiveBytes: Math.max(...peers.map(({ link }) => link.usage.receiveBytes)),
    ended: peers.filter(({ link }) => link.state === 'ended').length,
  };
}

/** A stream of the hostile side, which is the initiator. */
function its(ordinal: number): number {
  return streamIdOf(true, ordinal % 3, ordinal);
}

function send(peer: RawPeer, id: number, offset: number, length: number): void {
  peer.send({ type: 'stream', id, offset, data: new Uint8Array(length), isEnd: false });
}

function sendDatagrams(peer: RawPeer): void {
  for (let i = 0; i < 2 * datagrams; i += 1) peer.send({ type: 'datagram', data: new Uint8Array(packetBytes) });
}
