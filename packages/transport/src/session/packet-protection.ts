/** Seals and opens the data packets of one session. */
import { counterNonce, tagBytes, type Aead, type CryptoProvider } from '../crypto-provider.js';
import type { Role } from '../noise/handshake.js';
import type { TransportKeys } from '../noise/symmetric-state.js';
import { dataHeader, dataHeaderBytes, type DataPacket } from '../wire/packets.js';

export const packetOverheadBytes = dataHeaderBytes + tagBytes;

export class PacketProtection {
  readonly #sending: Aead;
  readonly #receiving: Aead;
  readonly #receiverIndex: number;

  constructor(crypto: CryptoProvider, keys: TransportKeys, role: Role, receiverIndex: number) {
    const [sending, receiving] =
      role === 'initiator' ? [keys.fromInitiator, keys.fromResponder] : [keys.fromResponder, keys.fromInitiator];
    this.#sending = crypto.aead(sending);
    this.#receiving = crypto.aead(receiving);
    this.#receiverIndex = receiverIndex;
  }

  /** @param counter never used before under these keys. */
  seal(counter: number, frames: Uint8Array): Uint8Array {
    const header = dataHeader(this.#receiverIndex, counter);
    const sealed = this.#sending.seal(counterNonce(counter), header, frames);
    const packet = new Uint8Array(header.length + sealed.length);
    packet.set(header);
    packet.set(sealed, header.length);
    return packet;
  }

  /** The frames, or undefined when the packet is not authentic. */
  open(packet: DataPacket): Uint8Array | undefined {
    return this.#receiving.open(counterNonce(packet.counter), packet.header, packet.sealed);
  }
}
