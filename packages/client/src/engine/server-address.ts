import { ParleyError } from '@parley/protocol';

export const defaultPort = 7420;

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  /** As shown, and as the pins are filed: `host:port`, `[IPv6]:port`. */
  readonly text: string;
}

/** Reads `host`, `host:port`, `IPv6` or `[IPv6]:port`. */
export function parseServerAddress(text: string): ServerAddress {
  const match =
    /^\[(?<host>[0-9a-f:.%]+)\](?::(?<port>\d{1,5}))?$/i.exec(text) ??
    /^(?<host>[^:[\]\s/]+)(?::(?<port>\d{1,5}))?$/.exec(text) ??
    /^(?<host>[0-9a-f]*:[0-9a-f:.%]+)$/i.exec(text);
  const host = match?.groups?.['host']?.toLowerCase();
  const port = Number(match?.groups?.['port'] ?? defaultPort);
  if (!host || host.length > 253 || port < 1 || port > 65_535) {
    throw new ParleyError('USAGE', 'a server is given as host, host:port or [IPv6]:port');
  }
  return { host, port, text: host.includes(':') ? `[${host}]:${String(port)}` : `${host}:${String(port)}` };
}
