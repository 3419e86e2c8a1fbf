/** A device's way through the relay, as the client's RelayCarrier has it: by UDP where that reaches it, else by control. */
import { decodeRelayFrame, encodeRelayFrame, RelayBinding, type Address, type RelayFrame } from '@parley/rendezvous';
import { mac, type ChannelGrant } from './virtual-server.js';

export interface RelayClientOptions {
  readonly relay: Address;
  sendUdp(bytes: Uint8Array, to: Address): void;
  /** Loses what cannot be sent. */
  sendControl(bytes: Uint8Array): void;
  receive(now: number, bytes: Uint8Array): void;
}

export class RelayClient {
  readonly #options: RelayClientOptions;
  #grant: ChannelGrant | undefined;
  #binding: RelayBinding | undefined;

  constructor(options: RelayClientOptions) {
    this.#options = options;
  }

  get way(): 'udp' | 'control' {
    return this.#binding?.state === 'bound' ? 'udp' : 'control';
  }

  /** The channel, or another one in its place. */
  use(now: number, grant: ChannelGrant): void {
    if (grant.channel === this.#grant?.channel) return;
    this.#grant = grant;
    this.#binding = new RelayBinding(now, { ...grant, mac });
    this.handleTimeout(now);
  }

  send(payload: Uint8Array): void {
    if (!this.#grant) return;
    const { channel, side } = this.#grant;
    const frame = encodeRelayFrame({ type: 'data', channel, side, payload });
    if (this.way === 'udp') this.#options.sendUdp(frame, this.#options.relay);
    else this.#options.sendControl(frame);
  }

  handleDatagram(now: number, from: Address, bytes: Uint8Array): void {
    const { relay } = this.#options;
    if (from.address !== relay.address || from.port !== relay.port) return;
    const frame = decodeRelayFrame(bytes);
    if (!frame || frame.channel !== this.#grant?.channel) return;
    if (frame.type === 'data') this.#deliver(now, frame);
    else if (this.#binding?.handleFrame(now, frame) === true) this.#flush();
  }

  handleControl(now: number, bytes: Uint8Array): void {
    const frame = decodeRelayFrame(bytes);
    if (frame?.type === 'data' && frame.channel === this.#grant?.channel) this.#deliver(now, frame);
  }

  addressChanged(now: number): void {
    this.#binding?.bindAgain(now);
    this.handleTimeout(now);
  }

  handleTimeout(now: number): void {
    this.#binding?.handleTimeout(now);
    this.#flush();
  }

  nextTimeout(): number | undefined {
    return this.#binding?.nextTimeout();
  }

  #flush(): void {
    const frame = this.#binding?.pollTransmit();
    if (frame) this.#options.sendUdp(frame, this.#options.relay);
  }

  #deliver(now: number, frame: RelayFrame & { type: 'data' }): void {
    if (frame.side !== this.#grant?.side) this.#options.receive(now, frame.payload);
  }
}
