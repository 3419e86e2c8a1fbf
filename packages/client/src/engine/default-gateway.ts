/** The router of the default route, as Linux tells it; elsewhere it is not known without running other programs. */
import { readFileSync } from 'node:fs';

/** RTF_UP and RTF_GATEWAY of linux/route.h. */
const upGateway = 0x0003;

/** IPv4; undefined where there is none, or where it cannot be known. */
export function defaultGateway(file = '/proc/net/route'): string | undefined {
  try {
    return gatewayIn(readFileSync(file, 'utf8'));
  } catch {
    // No such file: not Linux.
    return undefined;
  }
}

/** @param routes the table as in /proc/net/route: addresses in hexadecimal, in the byte order of the machine (little-endian) */
export function gatewayIn(routes: string): string | undefined {
  const defaults = routes
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, destination, , flags = '', , , , mask]) => {
      return destination === '00000000' && mask === '00000000' && (parseInt(flags, 16) & upGateway) === upGateway;
    })
    .sort(([, , , , , , a], [, , , , , , b]) => Number(a) - Number(b));
  const hex = defaults[0]?.[2] ?? '';
  if (!/^[0-9A-F]{8}$/i.test(hex)) return undefined;
  return [...Buffer.from(hex, 'hex').reverse()].join('.');
}
