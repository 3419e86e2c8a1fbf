/** What a caller may set a transport to; a wrong value would make timers fire for ever, or never. */
import { defaultTransportConfig, type TransportConfig } from './limits.js';

/** Of a wait that begins again when it is over: shorter ones would keep the machine busy. */
const shortestWaitMs = 1;

/**
 * The defaults, with what the caller changes. Times may be Infinity.
 * @throws RangeError that names the field
 */
export function checkedConfig(changes: Partial<TransportConfig> = {}): TransportConfig {
  const config = { ...defaultTransportConfig, ...changes };
  for (const field of ['pathTimeoutMs', 'keepAliveMs', 'peerIdleTimeoutMs'] as const) {
    // Said this way round NaN is refused, too.
    if (!(config[field] >= shortestWaitMs)) throw wrong(field, `at least ${String(shortestWaitMs)}`);
  }
  for (const field of ['lingerMs', 'drainMs'] as const) {
    if (!(config[field] >= 0)) throw wrong(field, 'at least 0');
  }
  for (const field of ['sendBufferBytes', 'maxDatagramBytes'] as const) {
    if (!Number.isSafeInteger(config[field]) || config[field] < 1) throw wrong(field, 'a whole number, at least 1');
  }
  // It is the length of an array.
  const { handshakesPerSecond } = config;
  if (!Number.isInteger(handshakesPerSecond) || handshakesPerSecond < 0 || handshakesPerSecond > 1_000_000) {
    throw wrong('handshakesPerSecond', 'a whole number from 0 to 1,000,000');
  }
  return config;
}

function wrong(field: keyof TransportConfig, rule: string): RangeError {
  return new RangeError(`${field} is ${rule}`);
}
