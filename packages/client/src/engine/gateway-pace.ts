/** Keeps what all links to gateways say together within what the server takes. */
import type { Params, Result } from '@parley/protocol';
import type { GatewayServer, LinkClock } from './gateway-link.js';

/** Less than the rate class of gateway.send lets through, so that it never has to refuse. */
const charactersPerMs = 400;

/** So much may go at once after a pause. */
const burstMs = 500;

/** Of a request, besides its frames. */
const envelopeCharacters = 400;

export class GatewayPace implements GatewayServer {
  readonly #server: GatewayServer;
  readonly #clock: LinkClock;
  /** When all that was let through would have gone out at an even pace. */
  #evenUntilMs = -Infinity;

  constructor(server: GatewayServer, clock: LinkClock) {
    this.#server = server;
    this.#clock = clock;
  }

  async call(method: 'gateway.send', params: Params<'gateway.send'>): Promise<Result<'gateway.send'>> {
    const now = this.#clock.nowMs();
    const characters = params.frames.reduce((sum, frame) => sum + frame.length, envelopeCharacters);
    this.#evenUntilMs = Math.max(this.#evenUntilMs, now - burstMs) + characters / charactersPerMs;
    const waitMs = this.#evenUntilMs - now;
    if (waitMs > 0) {
      await new Promise<void>((resolve) => {
        this.#clock.after(waitMs, resolve);
      });
    }
    return this.#server.call(method, params);
  }
}
