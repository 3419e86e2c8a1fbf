import { isIPv6 } from 'node:net';
import { ParleyError } from '@parley/protocol';

const defaultPort = 7420;

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  /** As shown, and as the pins are filed: `host:port`, `[IPv6]:port`. */
  readonly text: string;
}

/** Reads `host`, `host:port`, `IPv6`, `[IPv6]:port`, and `IPv6:port` where that is no IPv6 address by itself (`:::7420`). */
export function parseServerAddress(text: string): ServerAddress {
  const bracketed = /^\[(?<host>[^\]]+)\](?::(?<port>\d{1,5}))?$/.exec(text)?.groups;
  const plain = /^(?<host>[^:[\]\s/]+)(?::(?<port>\d{1,5}))?$/.exec(text)?.groups;
  const bare = isIPv6(text) ? undefined : /^(?<host>.*:.*):(?<port>\d{1,5})$/.exec(text)?.groups;
  const groups = bracketed ?? plain ?? bare ?? { host: text };
  const host = groups['host']?.toLowerCase() ?? '';
  const port = Number(groups['port'] ?? defaultPort);
  if ((!plain && !isIPv6(host)) || host.length > 253 || port < 1 || port > 65_535) {
    throw new ParleyError('USAGE', 'a server is given as host, host:port or [IPv6]:port');
  }
  return { host, port, text: hostAndPort(host, port) };
}

/** `host:port`, `[IPv6]:port`. */
export function hostAndPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${String(port)}` : `${host}:${String(port)}`;
}
