/** What works and what does not, for a person who wonders: the server, this network, and the way to a user. */
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { ParleyError } from '@parley/protocol';
import { describeNat } from '@parley/rendezvous';
import type { Diagnosis, Finding, ParleyClient, PathTo } from './api.js';
import type { PeerLinks } from './peer-links.js';
import type { ServerLink } from './server-link.js';
import { orAborted } from './waits.js';

/** Handshakes, certificates and receipts stand a difference of some minutes; people who compare times do not. */
const clockToleranceMs = 30_000;
/** How long the way to a user may be looked for. */
const pathWaitMs = 12_000;
const lookMs = 250;

export interface DiagnosisParts {
  readonly client: ParleyClient;
  readonly links: PeerLinks;
  readonly server: ServerLink;
}

/** @throws ParleyError ABORTED, or what opening a session with the user throws, but for NO_PATH */
export async function diagnose(
  { client, links, server }: DiagnosisParts,
  user: string | undefined,
  signal?: AbortSignal,
): Promise<Diagnosis> {
  const findings = await serverFindings(server, signal);
  if (server.user === undefined) links.useServer(server);
  await orAborted(links.reachability.ask(), signal);
  findings.push(...networkFindings(links, server));
  if (user === undefined) return { findings, path: null };
  const path = await wayTo(client, user, signal);
  return { findings, path };
}

async function serverFindings(server: ServerLink, signal: AbortSignal | undefined): Promise<Finding[]> {
  const startedAt = performance.now();
  await server.call('server.ping', {}, signal ? { signal } : {});
  const tookMs = performance.now() - startedAt;
  const { text } = server.address;
  const findings: Finding[] = [{ check: 'server', state: 'ok', text: `${text} answers in ${tookMs.toFixed(1)} ms` }];
  const aheadMs = server.connection.clockAheadMs;
  if (aheadMs === null) return findings;
  const seconds = (Math.abs(aheadMs) / 1_000).toFixed(1);
  const how = `${seconds} s ${aheadMs < 0 ? 'behind' : 'ahead of'} the server's`;
  findings.push({
    check: 'clock',
    state: Math.abs(aheadMs) > clockToleranceMs ? 'problem' : 'ok',
    text: `the clock of this device is ${how}`,
  });
  return findings;
}

function networkFindings({ reachability, portMapping }: PeerLinks, server: ServerLink): Finding[] {
  const { findings: found, nat } = reachability;
  const { relays } = server.connection.hello;
  const { reflexive, isUdpBlocked, mapping } = found;
  const isHard = mapping === 'endpoint-dependent';
  return [
    reflexive
      ? {
          check: 'stun',
          state: 'ok',
          text: `the server sees this device as ${reflexive.address} port ${String(reflexive.port)}`,
        }
      : { check: 'stun', state: 'problem', text: 'the server’s STUN port did not answer' },
    isUdpBlocked
      ? {
          check: 'udp',
          state: 'problem',
          text: 'UDP to the server does not get through: conversations can only be relayed',
        }
      : { check: 'udp', state: 'ok', text: 'UDP gets through' },
    { check: 'nat', state: isHard ? 'problem' : mapping === undefined ? 'note' : 'ok', text: describeNat(nat) },
    relays
      ? {
          check: 'relay',
          state: 'ok',
          text: isUdpBlocked
            ? 'the server relays, over the control connection, where there is no direct path'
            : 'the server relays by UDP where there is no direct path',
        }
      : { check: 'relay', state: 'note', text: 'the server relays nothing: without a direct path there is none' },
    portMapping
      ? { check: 'port-mapping', ...portMapping() }
      : { check: 'port-mapping', state: 'note', text: 'the router is not asked for a port (--no-port-mapping)' },
    ipv6Finding(),
  ];
}

function ipv6Finding(): Finding {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const isGlobal = addresses.some(({ address, internal }) => !internal && isIPv6(address) && /^[23]/.test(address));
  return isGlobal
    ? { check: 'ipv6', state: 'ok', text: 'this device has a public IPv6 address' }
    : { check: 'ipv6', state: 'note', text: 'this device has no public IPv6 address' };
}

/** Looks for a way: by the session that is open, or by one that is opened for this. */
async function wayTo(client: ParleyClient, user: string, signal: AbortSignal | undefined): Promise<PathTo> {
  const open = client.status().conversation;
  const isTalking = open?.kind === 'user' && open.name === user;
  if (open && !isTalking) throw new ParleyError('USAGE', 'leave the open conversation first, or ask without a user');
  try {
    if (!isTalking) await client.open(user, signal ? { signal } : {});
  } catch (error) {
    if (error instanceof ParleyError && error.code === 'NO_PATH') return client.pathTo(user);
    throw error;
  }
  try {
    for (let waitedMs = 0; waitedMs < pathWaitMs; waitedMs += lookMs) {
      const { report } = client.pathTo(user);
      // Also at once when the session has ended meanwhile.
      if (report?.verdict.state !== 'checking') break;
      await orAborted(sleep(lookMs), signal);
    }
    return client.pathTo(user);
  } finally {
    if (!isTalking) await client.leave().catch(() => undefined);
  }
}
