/** The relay of a real server: by UDP, by the control connection, and hostile. */
import { createHmac } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeRelayFrame, encodeRelayFrame, type RelayFrame, type RelaySide } from '@parley/rendezvous';
import { startServer, type RunningServer } from '../compose.js';
import type { StartOptions } from '../options.js';
import { RawClient } from '../raw-client.fixture.js';

interface Grant {
  readonly channel: number;
  readonly side: RelaySide;
  readonly token: string;
}

let closers: (() => unknown)[];
let server: RunningServer;

beforeEach(() => {
  closers = [];
});

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(options: Partial<StartOptions> = {}): Promise<void> {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'parley-relay-'));
  server = await startServer({
    ...{ dataDirectory, host: '127.0.0.1', port: 0, tls: false, bcryptCost: 4 },
    ...options,
  });
  closers.push(async () => {
    await server.stop();
    rmSync(dataDirectory, { recursive: true });
  });
}

class Device {
  readonly control: RawClient;
  readonly name: string;
  readonly resumeToken: string;

  constructor(name: string, control: RawClient, resumeToken: string) {
    this.name = name;
    this.control = control;
    this.resumeToken = resumeToken;
  }

  static async join(name: string): Promise<Device> {
    const control = await openControl();
    return new Device(name, control, (await control.register(name)).resumeToken);
  }

  async back(): Promise<Device> {
    this.control.socket.destroy();
    await this.control.closed;
    const control = await openControl();
    // The server may not have seen yet that the old connection is gone: it is taken over then.
    await control.call('account.resume', { token: this.resumeToken });
    return new Device(this.name, control, this.resumeToken);
  }

  async sendOnControl(frame: RelayFrame): Promise<void> {
    const frames = [Buffer.from(encodeRelayFrame(frame)).toString('base64')];
    expect(await this.control.call('relay.send', { frames })).toEqual({});
  }

  async frameOnControl(): Promise<RelayFrame | undefined> {
    const { frames } = await this.control.event('relay.frames');
    return decodeRelayFrame(Buffer.from((frames as string[])[0] ?? '', 'base64'));
  }
}

async function openControl(): Promise<RawClient> {
  const control = await RawClient.open(server.control.port);
  closers.push(() => {
    control.socket.destroy();
  });
  return control;
}

async function introduced(left: Device, right: Device): Promise<{ id: string; grants: [Grant | null, Grant | null] }> {
  const called = left.control.call('session.open', { peer: right.name });
  await right.control.event('session.incoming');
  const answered = await right.control.call('session.answer', { peer: left.name, answer: 'accept' });
  const introductions = [(await called)['introduction'], answered['introduction']] as {
    id: string;
    relay: Grant | null;
  }[];
  const [first, second] = introductions;
  return { id: first!.id, grants: [first!.relay, second!.relay] };
}

class UdpClient {
  readonly socket: Socket;
  readonly #came: Buffer[] = [];
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('message', (bytes) => {
      this.#came.push(bytes);
      this.#wake();
    });
  }

  static async open(): Promise<UdpClient> {
    const socket = createSocket('udp4').bind({ address: '127.0.0.1', port: 0 });
    closers.push(() => socket.close());
    await once(socket, 'listening');
    return new UdpClient(socket);
  }

  send(frame: RelayFrame): void {
    this.socket.send(encodeRelayFrame(frame), server.udp.port, '127.0.0.1');
  }

  async next(): Promise<RelayFrame | undefined> {
    for (;;) {
      const bytes = this.#came.shift();
      if (bytes) return decodeRelayFrame(bytes);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async bind({ channel, side, token }: Grant): Promise<void> {
    this.send({ type: 'bind', channel, side });
    const challenge = await this.next();
    if (challenge?.type !== 'challenge') throw new Error('no challenge');
    this.send({ type: 'prove', channel, side, cookie: challenge.cookie, proof: proofOf(token, challenge.cookie) });
    expect(await this.next()).toEqual({ type: 'bound', channel, side });
  }
}

function proofOf(token: string, cookie: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac('sha256', Buffer.from(token, 'base64')).update(cookie).digest()).subarray(0, 16);
}

function data({ channel, side }: Grant, text: string): RelayFrame {
  return { type: 'data', channel, side, payload: new TextEncoder().encode(text) };
}

function expectData(frame: RelayFrame | undefined, from: Grant, text: string): void {
  expect(frame).toMatchObject({ type: 'data', channel: from.channel, side: from.side });
  expect(frame?.type === 'data' && new TextDecoder().decode(frame.payload)).toBe(text);
}

async function pair(): Promise<{ anna: Device; berta: Device; ofAnna: Grant; ofBerta: Grant; id: string }> {
  const [anna, berta] = [await Device.join('anna'), await Device.join('berta')];
  const { id, grants } = await introduced(anna, berta);
  const [ofAnna, ofBerta] = grants;
  if (!ofAnna || !ofBerta) throw new Error('no channel');
  return { anna, berta, ofAnna, ofBerta, id };
}

describe('the relay of a server', () => {
  it('carries frames from control to control, by UDP, and from one to the other', async () => {
    await start();
    const { anna, berta, ofAnna, ofBerta } = await pair();
    await anna.sendOnControl(data(ofAnna, 'one'));
    expectData(await berta.frameOnControl(), ofAnna, 'one');
    const udp = await UdpClient.open();
    await udp.bind(ofBerta);
    await anna.sendOnControl(data(ofAnna, 'two'));
    expectData(await udp.next(), ofAnna, 'two');
    const other = await UdpClient.open();
    await other.bind(ofAnna);
    udp.send(data(ofBerta, 'three'));
    expectData(await other.next(), ofBerta, 'three');
    await anna.sendOnControl(data(ofAnna, 'four'));
    expectData(await udp.next(), ofAnna, 'four');
    udp.send(data(ofBerta, 'five'));
    expectData(await anna.frameOnControl(), ofBerta, 'five');
  });

  it('finds the control connection a user has now', async () => {
    await start();
    const { anna, berta, ofAnna, ofBerta, id } = await pair();
    const back = await berta.back();
    await anna.sendOnControl(data(ofAnna, 'there?'));
    expectData(await back.frameOnControl(), ofAnna, 'there?');
    expect(await back.control.call('session.restore', { peer: 'anna', id })).toEqual({ relay: ofBerta });
  });

  it('is gone with the session', async () => {
    await start();
    const { anna, berta, ofAnna, id } = await pair();
    await anna.control.call('session.close', { peer: 'berta', id, reason: 'ended' });
    await anna.sendOnControl(data(ofAnna, 'gone'));
    await berta.control.call('server.ping');
    expect(berta.control.untaken).toMatchObject([{ method: 'session.closed' }]);
  });

  it('may be off: nothing is granted, told or carried', async () => {
    await start({ relay: null });
    const [anna, berta] = [await Device.join('anna'), await Device.join('berta')];
    expect((await introduced(anna, berta)).grants).toEqual([null, null]);
    expect(await anna.control.call('server.hello', { protocol: 1, agent: 'test' })).toMatchObject({ relays: false });
    expect(server.relays).toBe(false);
    await anna.sendOnControl({ type: 'data', channel: 1, side: 0, payload: Uint8Array.of(1) });
  });

  it('is silent to strangers: tokens of others, replayed proofs, whatever they claim', async () => {
    await start();
    const { anna, berta, ofAnna, ofBerta } = await pair();
    const honest = await UdpClient.open();
    await honest.bind(ofAnna);
    const eve = await UdpClient.open();
    // The last of what she sends is a question that is answered; UDP on loopback keeps the order.
    eve.send({ type: 'bind', channel: ofAnna.channel, side: 0 });
    const challenge = await eve.next();
    if (challenge?.type !== 'challenge') throw new Error('no challenge');
    const { cookie } = challenge;
    const prove = { type: 'prove', channel: ofAnna.channel, cookie } as const;
    eve.send({ ...prove, side: 0, proof: proofOf(ofBerta.token, cookie) });
    eve.send({ ...prove, side: 1, proof: proofOf(ofBerta.token, cookie) });
    eve.send({ ...prove, side: 0, proof: new Uint8Array(16) });
    eve.send(data(ofAnna, 'forged'));
    eve.send({ type: 'bound', channel: ofAnna.channel, side: 0 });
    const third = await UdpClient.open();
    // A proof that would be good, from another address than its cookie's.
    third.send({ ...prove, side: 0, proof: proofOf(ofAnna.token, cookie) });
    for (let i = 0; i < 200; i += 1) {
      const bytes = Buffer.alloc(i % 60, i);
      bytes[0] = 0x60 + (i % 8);
      third.socket.send(bytes, server.udp.port, '127.0.0.1');
    }
    for (const one of [eve, third]) {
      one.send({ type: 'bind', channel: ofAnna.channel, side: 1 });
      expect(await one.next()).toMatchObject({ type: 'challenge', side: 1 });
    }
    await berta.sendOnControl(data(ofBerta, 'to her alone'));
    expectData(await honest.next(), ofBerta, 'to her alone');
    await anna.control.call('server.ping');
    await berta.control.call('server.ping');
    expect([...anna.control.untaken, ...berta.control.untaken]).toEqual([]);
  });

  it('takes no frame that is none from the control connection, and none of another user', async () => {
    await start();
    const { anna, berta, ofAnna } = await pair();
    const eve = await Device.join('eve');
    await eve.sendOnControl(data(ofAnna, 'forged'));
    await expect(anna.control.call('relay.send', { frames: ['not base64'] })).rejects.toMatchObject({
      code: 'INVALID_PARAMS',
    });
    await expect(anna.control.call('relay.send', { frames: [] })).rejects.toMatchObject({ code: 'INVALID_PARAMS' });
    await anna.control.call('relay.send', { frames: ['', 'YAAAAAAB', 'ZAAAAAAB'] });
    await anna.sendOnControl(data(ofAnna, 'the first'));
    expectData(await berta.frameOnControl(), ofAnna, 'the first');
  });
});
