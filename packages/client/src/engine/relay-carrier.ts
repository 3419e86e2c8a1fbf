/**
 * Carries datagrams through the server's blind relay: by UDP where that reaches it, else in frames on the control
 * connection, which is there from the beginning. Whoever sends need not know which.
 */
import { createHmac } from 'node:crypto';
import { limits, type RelayGrant } from '@parley/protocol';
import {
  decodeRelayFrame,
  encodeRelayFrame,
  relayAddress,
  RelayBinding,
  type Address,
  type RelayFrame,
} from '@parley/rendezvous';

/** The control connection, as long as there is one. */
export interface RelayControl {
  /** Where the relay takes UDP. */
  readonly relay: Address;
  /** Sends frames (base64); what does not arrive is lost. Resolves when the server has them, or never will; never rejects. */
  send(frames: string[]): Promise<void>;
}

export interface RelayCarrierOptions {
  sendUdp(bytes: Uint8Array, to: Address): void;
  /** What the other side of a channel sent; the bytes are good during the call. */
  receive(bytes: Uint8Array, from: Address): void;
  readonly now?: () => number;
}

/** How datagrams of a channel go now. */
export type RelayWay = 'udp' | 'control' | 'none';

interface Channel {
  /** By which the transport knows it, whatever the server calls it now. */
  readonly name: Address;
  readonly grant: RelayGrant;
  readonly binding: RelayBinding;
}

/** What waits for the control connection; more is lost, as it would be on any narrow path. */
const mostWaiting = 256;
/** Requests whose answers are waited for: they make the sender as slow as the connection is. */
const mostRequests = 4;

export class RelayCarrier {
  readonly #options: RelayCarrierOptions;
  readonly #now: () => number;
  /** By their numbers at the relay, and by the ports of their names. */
  readonly #channels = new Map<number, Channel>();
  readonly #byName = new Map<number, Channel>();
  #relay: Address | undefined;
  #control: RelayControl | undefined;
  #waiting: string[] = [];
  #requests = 0;
  #isFlushDue = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RelayCarrierOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** There is a control connection, another one, or none for now: UDP goes on without. */
  setControl(control: RelayControl | undefined): void {
    this.#control = control;
    this.#waiting = [];
    if (control) this.#relay = control.relay;
    this.#drive();
  }

  /** @returns the address of the channel's other side */
  open(grant: RelayGrant): Address {
    const name = relayAddress(grant.channel);
    this.#add(name, grant);
    return name;
  }

  /** Another channel takes the place of the one that `open` has named so: the server is another process. */
  replace(name: Address, grant: RelayGrant): void {
    this.close(name);
    this.#add(name, grant);
  }

  close(name: Address): void {
    const channel = this.#byName.get(name.port);
    if (!channel) return;
    this.#byName.delete(name.port);
    if (this.#channels.get(channel.grant.channel) === channel) this.#channels.delete(channel.grant.channel);
    this.#drive();
  }

  wayTo(name: Address): RelayWay {
    const known = this.#byName.get(name.port);
    if (!known) return 'none';
    if (known.binding.state === 'bound') return 'udp';
    return this.#control ? 'control' : 'none';
  }

  /** @param to what `open` returned */
  send(bytes: Uint8Array, to: Address): void {
    const channel = this.#byName.get(to.port);
    if (!channel) return;
    const frame = encodeRelayFrame({ ...channel.grant, type: 'data', payload: bytes });
    if (channel.binding.state === 'bound' && this.#relay) this.#options.sendUdp(frame, this.#relay);
    else this.#sendByControl(frame);
  }

  /** A datagram with the first byte of a relay frame came by UDP. */
  handleDatagram(bytes: Uint8Array, from: Address): void {
    if (from.address !== this.#relay?.address || from.port !== this.#relay.port) return;
    const frame = decodeRelayFrame(bytes);
    const channel = frame && this.#channels.get(frame.channel);
    if (!channel) return;
    if (frame.type === 'data') this.#deliver(channel, frame);
    else if (channel.binding.handleFrame(this.#now(), frame)) this.#drive();
  }

  /** Frames (base64) came on the control connection. */
  handleFrames(frames: readonly string[]): void {
    for (const text of frames) {
      const frame = decodeRelayFrame(Buffer.from(text, 'base64'));
      const channel = frame && this.#channels.get(frame.channel);
      if (channel && frame.type === 'data') this.#deliver(channel, frame);
    }
  }

  /** Our address may have changed: the relay is to learn it at once. */
  addressChanged(): void {
    for (const { binding } of this.#channels.values()) binding.bindAgain(this.#now());
    this.#drive();
  }

  stop(): void {
    this.#channels.clear();
    this.#byName.clear();
    this.setControl(undefined);
  }

  #add(name: Address, grant: RelayGrant): void {
    const { channel, side } = grant;
    const token = Buffer.from(grant.token, 'base64');
    const binding = new RelayBinding(this.#now(), { channel, side, token, mac });
    const added = { name, grant, binding };
    this.#channels.set(channel, added);
    this.#byName.set(name.port, added);
    this.#drive();
  }

  #deliver({ name, grant }: Channel, frame: RelayFrame & { type: 'data' }): void {
    // In data `side` is that of whoever sent it.
    if (frame.side !== grant.side) this.#options.receive(frame.payload, name);
  }

  #sendByControl(frame: Uint8Array): void {
    if (!this.#control || this.#waiting.length >= mostWaiting) return;
    this.#waiting.push(Buffer.from(frame).toString('base64'));
    this.#flushSoon();
  }

  /** What is sent in one turn of the event loop shares requests. */
  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    setImmediate(() => {
      this.#isFlushDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    const control = this.#control;
    while (control && this.#waiting.length > 0 && this.#requests < mostRequests) {
      this.#requests += 1;
      void control.send(this.#waiting.splice(0, limits.relayFrames)).then(() => {
        this.#requests -= 1;
        this.#flush();
      });
    }
  }

  /** Sends what the bindings ask for, and wakes again when one of them has to. */
  #drive(): void {
    clearTimeout(this.#timer);
    if (this.#channels.size === 0 || !this.#relay) return;
    let next = Infinity;
    for (const { binding } of this.#channels.values()) {
      binding.handleTimeout(this.#now());
      const frame = binding.pollTransmit();
      if (frame) this.#options.sendUdp(frame, this.#relay);
      next = Math.min(next, binding.nextTimeout());
    }
    this.#timer = setTimeout(
      () => {
        this.#drive();
      },
      Math.max(1, next - this.#now()),
    ).unref();
  }
}

function mac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const hmac = createHmac('sha256', key);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}
