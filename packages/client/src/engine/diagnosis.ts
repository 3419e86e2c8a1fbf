/** What works and what does not, for a person who wonders: the server, this network, and the way to a user. */
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { ParleyError, type Params } from '@parley/protocol';
import { describeNat } from '@parley/rendezvous';
import type { CallOptions, Diagnosis, Finding, ParleyClient, PathTo } from './api.js';
import type { PortMapping } from './port-mapping.js';
import type { Reachability } from './reachability.js';
import { orAborted, within } from './waits.js';

/** Handshakes, certificates and receipts stand a difference of some minutes; people who compare times do not. */
const clockToleranceMs = 30_000;
/** Four questions of STUN, or a search for a gateway: who has not answered by then will not. */
const networkWaitMs = 8_000;
/** How long the way to a user may be looked for. */
const pathWaitMs = 12_000;
const lookMs = 250;

/** What is asked of a `ServerLink`. */
interface DiagnosedServer {
  readonly address: { readonly text: string };
  readonly isUp: boolean;
  readonly connection: {
    readonly clockAheadMs: number | null;
    readonly hello: { readonly relays: boolean };
  };
  call(method: 'server.ping', params: Params<'server.ping'>, options: CallOptions): Promise<unknown>;
}

export interface DiagnosisParts {
  readonly client: Pick<ParleyClient, 'status' | 'open' | 'leave' | 'pathTo'>;
  /** Undefined: not connected to any. */
  readonly server: DiagnosedServer | undefined;
  /** Knows the server. */
  readonly reachability: Pick<Reachability, 'ask' | 'findings' | 'nat'>;
  /** Undefined when the router is not asked. */
  readonly portMapping: Pick<PortMapping, 'asked' | 'finding'> | undefined;
}

/** @throws ParleyError ABORTED; USAGE with a user while another conversation is open */
export async function diagnose(
  parts: DiagnosisParts,
  user: string | undefined,
  signal?: AbortSignal,
): Promise<Diagnosis> {
  const { client, server, reachability, portMapping } = parts;
  const open = client.status().conversation;
  const isTalking = open?.kind === 'user' && open.name === user;
  if (user !== undefined && open && !isTalking) {
    throw new ParleyError('USAGE', 'leave the open conversation first, or ask without a user');
  }
  const findings = await serverFindings(server, signal);
  if (server?.isUp === true) {
    const asked = Promise.all([reachability.ask(), portMapping?.asked]);
    await orAborted(within(asked, networkWaitMs), signal);
  }
  findings.push(...networkFindings(parts));
  if (user === undefined) return { findings, path: null };
  if (isTalking) return { findings, path: await settledPath(client, user, signal) };
  const refusal = await refusalOf(client, user, signal);
  if (!refusal) {
    try {
      return { findings, path: await settledPath(client, user, signal) };
    } finally {
      await leaveIfOpen(client);
    }
  }
  // Without a path there is a report that says why; else the reason has nothing to do with paths.
  if (refusal.code !== 'NO_PATH') findings.push({ check: 'peer', state: 'problem', text: refusal.message });
  return { findings, path: client.pathTo(user) };
}

async function serverFindings(
  server: DiagnosedServer | undefined,
  signal: AbortSignal | undefined,
): Promise<Finding[]> {
  if (!server) return [{ check: 'server', state: 'problem', text: 'not connected to a server' }];
  const startedAt = performance.now();
  try {
    await server.call('server.ping', {}, signal ? { signal } : {});
  } catch (error) {
    if (!(error instanceof ParleyError) || error.code === 'ABORTED') throw error;
    return [{ check: 'server', state: 'problem', text: `${server.address.text}: ${error.message}` }];
  }
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

function networkFindings({ server, reachability, portMapping }: DiagnosisParts): Finding[] {
  const here: Finding[] = [
    portMapping
      ? { check: 'port-mapping', ...portMapping.finding }
      : { check: 'port-mapping', state: 'note', text: 'the router is not asked for a port (--no-port-mapping)' },
    ipv6Finding(),
  ];
  // All else is asked of the server.
  return server?.isUp === true ? [...udpFindings(server, reachability), ...here] : here;
}

function udpFindings({ connection }: DiagnosedServer, reachability: DiagnosisParts['reachability']): Finding[] {
  const { findings: found, nat } = reachability;
  const { relays } = connection.hello;
  const { reflexive, mapping } = found;
  // Also while STUN still asks: it goes on for longer than anybody wants to wait.
  const isUdpBlocked = reflexive === undefined;
  const isHard = mapping === 'endpoint-dependent';
  return [
    reflexive
      ? {
          check: 'stun',
          state: 'ok',
          text: `the server sees this device as ${reflexive.address} port ${String(reflexive.port)}`,
        }
      : { check: 'stun', state: 'problem', text: "the server's STUN port did not answer" },
    isUdpBlocked
      ? {
          check: 'udp',
          state: 'problem',
          text: 'UDP to the server does not get through: conversations are relayed, but perhaps on this LAN',
        }
      : { check: 'udp', state: 'ok', text: 'UDP gets through' },
    {
      check: 'nat',
      state: isHard ? 'problem' : mapping === undefined ? 'note' : 'ok',
      text: describeNat({ ...nat, isUdpBlocked }),
    },
    relays
      ? {
          check: 'relay',
          state: 'ok',
          text: isUdpBlocked
            ? 'the server relays, over the control connection, where there is no direct path'
            : 'the server relays by UDP where there is no direct path',
        }
      : { check: 'relay', state: 'note', text: 'the server relays nothing: without a direct path there is none' },
  ];
}

function ipv6Finding(): Finding {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const isGlobal = addresses.some(({ address, internal }) => !internal && isIPv6(address) && /^[23]/.test(address));
  return isGlobal
    ? { check: 'ipv6', state: 'ok', text: 'this device has a public IPv6 address' }
    : { check: 'ipv6', state: 'note', text: 'this device has no public IPv6 address' };
}

/** Opens a session with the user. @returns why there is none */
async function refusalOf(
  client: DiagnosisParts['client'],
  user: string,
  signal: AbortSignal | undefined,
): Promise<ParleyError | undefined> {
  try {
    await client.open(user, signal ? { signal } : {});
    return undefined;
  } catch (error) {
    if (error instanceof ParleyError && error.code !== 'ABORTED') return error;
    throw error;
  }
}

/** The way to the user, when no more is being tried or the session has ended. */
async function settledPath(
  client: DiagnosisParts['client'],
  user: string,
  signal: AbortSignal | undefined,
): Promise<PathTo> {
  for (let waitedMs = 0; waitedMs < pathWaitMs; waitedMs += lookMs) {
    if (client.pathTo(user).report?.verdict.state !== 'checking') break;
    const look = new Promise((resolve) => setTimeout(resolve, lookMs));
    await orAborted(look, signal);
  }
  return client.pathTo(user);
}

async function leaveIfOpen(client: DiagnosisParts['client']): Promise<void> {
  try {
    await client.leave();
  } catch (error) {
    // The user has ended it, or is lost.
    if (!(error instanceof ParleyError) || error.code !== 'NO_CONVERSATION') throw error;
  }
}
