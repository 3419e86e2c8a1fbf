/** Users of older systems without a socket, and devices that talk to them. */
import { createHash } from 'node:crypto';
import {
  decodePeerFrame,
  encodeReceiptFrame,
  encodeTextFrame,
  FrameStream,
  OutgoingChain,
  type EventParams,
  rates,
} from '@parley/protocol';
import { NetworkRates } from '../dispatch/network-rates.js';
import type { FakeWorld, Person } from '../domain/fake-world.fixture.js';
import { silentLog } from '../log.js';
import { BridgedUser, type BridgeEvents } from './bridged-user.js';
import type { GatewayParts } from './gateway-parts.js';

/** What a gateway in this world is built from. */
export function partsOf({ messenger, clock }: FakeWorld): GatewayParts {
  return {
    messenger,
    clock,
    monotonicMs: () => clock.now(),
    introductions: new NetworkRates(rates.introduce, () => clock.now()),
    log: silentLog,
    stopServer: () => undefined,
  };
}

/** A user of an older system, who takes every call and whose client takes every text at once. */
export class OldUser {
  readonly told: unknown[] = [];
  answers = true;
  /** Receipts that are held back. */
  held: (() => void)[] | undefined;
  bridged!: BridgedUser;

  static async join(world: FakeWorld, name: string, door: 'line' | 'peer' = 'line'): Promise<OldUser> {
    const user = new OldUser();
    const events: BridgeEvents = {
      called: (peer) => {
        user.told.push(['called', peer]);
        if (user.answers) user.bridged.accept(peer);
      },
      callEnded: (peer) => user.told.push(['callEnded', peer]),
      opened: (peer) => user.told.push(['opened', peer]),
      closed: (peer, reason, lost) => user.told.push(['closed', peer, reason, lost]),
      refused: (peer, code, lost) => user.told.push(['refused', peer, code, lost]),
      text: (from, room, text, delivered) => {
        user.told.push(['text', from, room, text]);
        if (user.held) user.held.push(delivered);
        else delivered();
      },
      stalled: (from) => user.told.push(['stalled', from]),
      roomChanged: (room, state, who) => user.told.push(['room', room, state, who]),
      shutdown: () => user.told.push(['shutdown']),
    };
    user.bridged = await BridgedUser.join(partsOf(world), { typed: name, door, address: '127.0.0.1', port: 5 }, events);
    return user;
  }

  take(): unknown[] {
    return this.told.splice(0);
  }
}

/** What a device does with a user behind a gateway. */
export class DeviceEnd {
  readonly stream = new FrameStream();
  readonly texts: string[] = [];
  readonly receipts: string[] = [];
  readonly #world: FakeWorld;
  readonly #person: Person;
  readonly #peer: string;
  readonly #id: string;
  readonly #chain = new OutgoingChain((bytes) => createHash('sha256').update(bytes).digest(), new Uint8Array(8));
  readonly #unconfirmed: Uint8Array[] = [];
  #count = 0;

  constructor(world: FakeWorld, person: Person, peer: string, id: string) {
    this.#world = world;
    this.#person = person;
    this.#peer = peer;
    this.#id = id;
  }

  say(text: string, { sender = this.#person.name, isAnswerLost = false } = {}): string {
    this.#count += 1;
    const id = Buffer.alloc(16, this.#count);
    const conversation = Buffer.from(this.#id, 'hex');
    const record = this.#chain.next({ id, conversation, sender, at: 1, text });
    this.stream.push(Buffer.from(encodeTextFrame(record)).toString('base64'));
    this.flush(false, isAnswerLost);
    return id.toString('hex');
  }

  flush(resume = false, isAnswerLost = false): void {
    const batch = this.stream.nextBatch();
    const received = this.#world.messenger.carryFrames(this.#person.user, this.#peer, this.#id, batch, resume);
    if (!isAnswerLost) this.stream.acknowledge(received ?? 0);
  }

  /** Reads what the server has said to this device since the last time. */
  read(confirm = true): void {
    let hasGot = false;
    for (const [event, params] of this.#person.connection.take()) {
      if (event !== 'gateway.frames') continue;
      const batch = params as EventParams<'gateway.frames'>;
      if (batch.conversation !== this.#id || batch.peer !== this.#peer) continue;
      hasGot = true;
      for (const encoded of this.stream.accept(batch)) {
        const frame = decodePeerFrame(Buffer.from(encoded, 'base64'));
        if (frame?.type === 'receipt') this.receipts.push(Buffer.from(frame.id).toString('hex'));
        if (frame?.type !== 'text') continue;
        this.texts.push(`${frame.message.sender} ${String(frame.message.seq)}: ${frame.message.text ?? ''}`);
        this.#unconfirmed.push(frame.message.id);
      }
    }
    // As a device does: who has got something says so, and then gets more.
    if (hasGot) {
      if (confirm) for (const id of this.#unconfirmed.splice(0)) this.#pushReceipt(id);
      this.flush();
      this.read(confirm);
    }
  }
  /** Sends the receipt of the oldest text that was read and not confirmed. */
  confirm(): void {
    const id = this.#unconfirmed.shift();
    if (!id) throw new Error('all is confirmed');
    this.#pushReceipt(id);
    this.flush();
  }

  #pushReceipt(id: Uint8Array): void {
    this.stream.push(Buffer.from(encodeReceiptFrame(id)).toString('base64'));
  }
}
