/** For tests of gateway links: a clock turned by hand, and a server with the other end behind it. */
import { FrameStream, ParleyError, type Params } from '@parley/protocol';
import type { GatewayServer, LinkClock } from './gateway-link.js';

type Request = Params<'gateway.send'>;
/** What becomes of one request: it arrives and is answered, or one of the two gets lost with the connection. */
export type Fate = 'answered' | 'request lost' | 'answer lost';

export class ManualClock implements LinkClock {
  #nowMs = 0;
  #waiting: { readonly dueMs: number; readonly callback: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const entry = { dueMs: this.#nowMs + delayMs, callback };
    this.#waiting.push(entry);
    return () => {
      this.#waiting = this.#waiting.filter((each) => each !== entry);
    };
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    const due = this.#waiting.filter(({ dueMs }) => dueMs <= this.#nowMs);
    this.#waiting = this.#waiting.filter(({ dueMs }) => dueMs > this.#nowMs);
    for (const { callback } of due) callback();
  }
}

/** The server with the other end behind it: requests wait until the test says what becomes of them. */
export class FakeGateway implements GatewayServer {
  readonly requests: Request[] = [];
  /** What the gateway's user was told. */
  readonly heard: string[] = [];
  readonly stream = new FrameStream();
  #waiting: { request: Request; resolve: (result: { received: number }) => void; reject: (error: Error) => void }[] =
    [];

  call(_method: 'gateway.send', request: Request): Promise<{ received: number }> {
    this.requests.push(request);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
    });
  }

  get inFlight(): number {
    return this.#waiting.length;
  }

  /** Says something through the gateway; it goes out with `events`. */
  say(text: string): void {
    this.stream.push(Buffer.from(text).toString('base64'));
  }

  async answer(fate: Fate = 'answered'): Promise<void> {
    const waiting = this.#waiting.shift();
    if (!waiting) throw new Error('no request is in flight');
    const { request, resolve, reject } = waiting;
    if (fate !== 'request lost') {
      if (request.resume) this.stream.rewind();
      for (const frame of this.stream.accept(request)) this.heard.push(Buffer.from(frame, 'base64').toString());
    }
    if (fate === 'answered') resolve({ received: this.stream.received });
    else reject(new ParleyError('SERVER_LOST'));
    await settled();
  }

  async refuse(error: ParleyError): Promise<void> {
    this.#waiting.shift()?.reject(error);
    await settled();
  }
}

/** Lets promises that are ready go on. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 10; i += 1) await Promise.resolve();
}
