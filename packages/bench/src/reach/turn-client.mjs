// As much of TURN (RFC 8656) as a client needs to have ChannelData passed on to a plain address.
import { randomBytes } from 'node:crypto';

const magicCookie = 0x2112a442;
const channelNumber = 0x4000;

export function allocateRequest() {
  // REQUESTED-TRANSPORT: UDP.
  return request(0x0003, [[0x0019, Buffer.from([17, 0, 0, 0])]]);
}

/** The port of XOR-RELAYED-ADDRESS; undefined when this is no success. */
export function relayedPort(answer) {
  if (answer.readUInt16BE(0) !== 0x0103) return undefined;
  for (let at = 20; at + 4 <= answer.length;) {
    const [type, length] = [answer.readUInt16BE(at), answer.readUInt16BE(at + 2)];
    if (type === 0x0016) return answer.readUInt16BE(at + 6) ^ (magicCookie >>> 16);
    at += 4 + length + ((4 - (length % 4)) % 4);
  }
  return undefined;
}

/** To a port of 127.0.0.1. */
export function channelBindRequest(port) {
  const number = Buffer.alloc(4);
  number.writeUInt16BE(channelNumber);
  const peer = Buffer.alloc(8);
  peer[1] = 1;
  peer.writeUInt16BE(port ^ (magicCookie >>> 16), 2);
  peer.writeUInt32BE((0x7f000001 ^ magicCookie) >>> 0, 4);
  return request(0x0009, [
    [0x000c, number],
    [0x0012, peer],
  ]);
}

/** What stands before a payload of so many bytes. */
export function channelDataHead(bytes) {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(channelNumber);
  head.writeUInt16BE(bytes, 2);
  return head;
}

/** All attributes here are multiples of four bytes. */
function request(type, attributes) {
  const parts = attributes.map(([attribute, value]) => {
    const head = Buffer.alloc(4);
    head.writeUInt16BE(attribute);
    head.writeUInt16BE(value.length, 2);
    return Buffer.concat([head, value]);
  });
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(20);
  head.writeUInt16BE(type);
  head.writeUInt16BE(body.length, 2);
  head.writeUInt32BE(magicCookie, 4);
  randomBytes(12).copy(head, 8);
  return Buffer.concat([head, body]);
}
