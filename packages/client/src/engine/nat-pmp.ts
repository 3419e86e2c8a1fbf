/**
 * NAT-PMP (RFC 6886): asks the router for its address and for a UDP port.
 *
 *     address   version 0 · opcode 0                            answer  0 · 128 · result (2) · epoch (4) · IPv4 (4)
 *     map       0 · opcode 1 · 0 (2) · internal port (2) ·      answer  0 · 129 · result (2) · epoch (4) · internal
 *               external port (2) · lifetime in seconds (4)             port (2) · external port (2) · lifetime (4)
 */
import { createSocket, type Socket } from 'node:dgram';
import { isUsableAddress } from './router-address.js';
import { lifetimeSeconds, type MapOutcome, type PortMapper } from './port-mapper.js';

const serverPort = 5351;

/** Section 3.1 doubles from 250 ms for 64 s; a router that is there answers long before. */
const waitsMs = [250, 500, 1_000, 2_000];

/** Section 3.5. */
const refusals: Readonly<Record<number, string>> = {
  1: 'it speaks another version (PCP alone)',
  2: 'it does not allow it',
  3: 'it has no connection to the Internet',
  4: 'it has no port left',
  5: 'it does not know the request',
};

export type NatPmpAnswer =
  | { readonly kind: 'address'; readonly address: string }
  | {
      readonly kind: 'mapped';
      readonly internalPort: number;
      readonly externalPort: number;
      readonly lifetimeSeconds: number;
    }
  | { readonly kind: 'refused'; readonly opcode: number; readonly reason: string };

export const addressRequest = Uint8Array.of(0, 0);

/** @param lifetime 0 takes the mapping back */
export function mapRequest(internalPort: number, externalPort: number, lifetime: number): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  bytes[1] = 1;
  view.setUint16(4, internalPort);
  view.setUint16(6, externalPort);
  view.setUint32(8, lifetime);
  return bytes;
}

/** Undefined for what is no answer. Bytes behind it are ignored, as newer versions may add some. */
export function decodeNatPmp(bytes: Uint8Array): NatPmpAnswer | undefined {
  if (bytes.length < 8) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const opcode = view.getUint8(1) - 128;
  const result = view.getUint16(2);
  // Of version 0, or of one that does not speak it (RFC 6887, appendix A).
  if (opcode < 0 || opcode > 1 || (view.getUint8(0) !== 0 && result !== 1)) return undefined;
  if (result !== 0) return { kind: 'refused', opcode, reason: refusals[result] ?? `result ${String(result)}` };
  if (opcode === 0) {
    return bytes.length < 12 ? undefined : { kind: 'address', address: bytes.subarray(8, 12).join('.') };
  }
  if (bytes.length < 16) return undefined;
  return {
    kind: 'mapped',
    internalPort: view.getUint16(8),
    externalPort: view.getUint16(10),
    lifetimeSeconds: view.getUint32(12),
  };
}

export interface NatPmpOptions {
  /** The router to ask, IPv4; undefined: none is known, and none answers. */
  readonly gateway: () => string | undefined;
  readonly port?: number;
  /** How long to wait for an answer to each try. */
  readonly waitsMs?: readonly number[];
}

export class NatPmp implements PortMapper {
  readonly name = 'NAT-PMP';
  readonly #options: NatPmpOptions;

  constructor(options: NatPmpOptions) {
    this.#options = options;
  }

  async map(localPort: number, externalPort: number, signal: AbortSignal): Promise<MapOutcome> {
    return (
      (await this.#withSocket(signal, async (exchange) => {
        const where = await exchange(addressRequest, ({ kind }) => kind === 'address');
        if (where?.kind !== 'address') return refusal(where);
        if (!isUsableAddress(where.address)) return { kind: 'refused', reason: 'it has no address of its own' };
        const request = mapRequest(localPort, externalPort, lifetimeSeconds);
        const mapped = await exchange(request, (answer) => {
          return answer.kind === 'mapped' && answer.internalPort === localPort;
        });
        if (mapped?.kind !== 'mapped') return refusal(mapped);
        if (mapped.externalPort === 0) return { kind: 'refused', reason: 'it gave no port' };
        const external = { address: where.address, port: mapped.externalPort };
        return { kind: 'mapped', external, lifetimeSeconds: mapped.lifetimeSeconds };
      })) ?? { kind: 'silent' }
    );
  }

  async unmap(localPort: number, signal: AbortSignal): Promise<void> {
    await this.#withSocket(signal, async (exchange) => {
      await exchange(mapRequest(localPort, 0, 0), (answer) => answer.kind === 'mapped');
    });
  }

  /** Undefined when there is no router, or its port is closed. */
  async #withSocket<T>(signal: AbortSignal, work: (exchange: Exchange) => Promise<T>): Promise<T | undefined> {
    const gateway = this.#options.gateway();
    if (gateway === undefined || signal.aborted) return undefined;
    const socket = createSocket('udp4');
    try {
      // A connected socket hears nobody else.
      if (!(await connected(socket, this.#options.port ?? serverPort, gateway))) return undefined;
      return await work((request, fits) => {
        return exchanged(socket, request, fits, this.#options.waitsMs ?? waitsMs, signal);
      });
    } finally {
      socket.close();
    }
  }
}

type Exchange = (request: Uint8Array, fits: (answer: NatPmpAnswer) => boolean) => Promise<NatPmpAnswer | undefined>;

function refusal(answer: NatPmpAnswer | undefined): MapOutcome {
  return answer?.kind === 'refused' ? { kind: 'refused', reason: answer.reason } : { kind: 'silent' };
}

function connected(socket: Socket, port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    socket.once('error', () => {
      resolve(false);
    });
    socket.connect(port, host, () => {
      resolve(true);
    });
  });
}

/** Asks until an answer fits, or a refusal of the same opcode; undefined when none comes, or the port is closed. */
function exchanged(
  socket: Socket,
  request: Uint8Array,
  fits: (answer: NatPmpAnswer) => boolean,
  tries: readonly number[],
  signal: AbortSignal,
): Promise<NatPmpAnswer | undefined> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    let tried = 0;
    const end = (answer?: NatPmpAnswer): void => {
      clearTimeout(timer);
      socket.removeAllListeners('message').removeAllListeners('error');
      // Errors of what is still under way, until the socket is closed.
      socket.on('error', () => undefined);
      signal.removeEventListener('abort', stop);
      resolve(answer);
    };
    const stop = (): void => {
      end();
    };
    const ask = (): void => {
      const waitMs = tries[tried];
      if (waitMs === undefined) {
        end();
        return;
      }
      tried += 1;
      socket.send(request);
      timer = setTimeout(ask, waitMs);
    };
    socket.on('message', (bytes) => {
      const answer = decodeNatPmp(bytes);
      if (!answer) return;
      if (fits(answer) || (answer.kind === 'refused' && answer.opcode === request[1])) end(answer);
    });
    socket.on('error', stop);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    else ask();
  });
}
