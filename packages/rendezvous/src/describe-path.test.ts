import { describe, expect, it } from '@jest/globals';
import { describePath, describeVerdict } from './describe-path.js';
import { unknownNat, type NatKind } from './path-offer.js';
import type { PairReport } from './path-pair.js';
import { judge, type PathFacts, type PathReport } from './path-report.js';

const relay: PairReport = {
  address: { address: 'relay', port: 7 },
  kind: 'relay',
  scope: 'relay',
  sent: 0,
  answered: 0,
  rttMs: undefined,
  loss: undefined,
  isPath: true,
  why: 'path',
};
const wan: PairReport = {
  ...relay,
  address: { address: '203.0.113.9', port: 4_000 },
  kind: 'reflexive',
  scope: 'public',
  sent: 12,
  isPath: false,
  why: 'unanswered',
};
const dependent: NatKind = { ...unknownNat, mapping: 'endpoint-dependent' };
const usual: NatKind = { ...unknownNat, mapping: 'endpoint-independent', filtering: 'address-and-port-dependent' };
const blocked: NatKind = { ...unknownNat, isUdpBlocked: true };

function report(facts: Partial<PathFacts>): PathReport {
  const all: PathFacts = {
    policy: 'auto',
    path: relay,
    pairs: [relay, wan],
    own: usual,
    peer: usual,
    ownFamilies: [4],
    peerFamilies: [4],
    refused: 0,
    birthday: 'idle',
    isChecking: false,
    ...facts,
  };
  return { ...all, role: 'controlling', verdict: judge(all) };
}

const direct = (scope: PairReport['scope']): Partial<PathFacts> => ({
  path: { ...wan, scope, isPath: true, why: 'path' },
  isChecking: true,
});

describe('the verdict', () => {
  it.each<[Partial<PathFacts>, string]>([
    [direct('loopback'), 'direct on this machine'],
    [direct('private'), 'direct over the local network'],
    [direct('public'), 'direct over the internet'],
    [{ isChecking: true }, 'relayed for now: addresses are being tried'],
    [{ birthday: 'running' }, 'relayed for now: many ports of the other router are being tried'],
    [{ isChecking: true, path: undefined }, 'no path yet: addresses are being tried'],
    [
      { policy: 'relay-only', isChecking: true },
      'relayed: this conversation is set to relay-only, so that nobody learns your address',
    ],
    [{ peer: undefined }, 'relayed: the other side has not told where it may be reached'],
    [{ peerFamilies: [] }, 'relayed: the other side tells no address (it may be set to relay-only)'],
    [{ peerFamilies: [], refused: 3 }, "relayed: none of the other side's addresses may be used (3 refused)"],
    [{ own: blocked }, 'relayed: UDP is blocked here (0 of 12 probes came back, STUN did not answer)'],
    [{ peer: blocked }, 'relayed: UDP is blocked at the other side (0 of 12 probes came back, STUN did not answer)'],
    [
      { own: blocked, peer: blocked },
      'relayed: UDP is blocked on both sides (0 of 12 probes came back, STUN did not answer)',
    ],
    [
      { pairs: [relay, { ...wan, why: 'left' }] },
      'relayed: the direct path was left because it lost data; it will be tried again',
    ],
    [
      { own: dependent, peer: dependent },
      'relayed: both routers give each destination another port (endpoint-dependent NAT), so no direct path is possible',
    ],
    [
      { own: dependent },
      'relayed: the router here gives each destination another port (endpoint-dependent NAT), and 0 of 12 probes came back',
    ],
    [
      { peer: dependent, birthday: 'failed' },
      "relayed: the other side's router gives each destination another port (endpoint-dependent NAT), and none of many tried ports met",
    ],
    [{ peerFamilies: [6] }, 'relayed: there is only IPv4 here and only IPv6 at the other side'],
    [{ ownFamilies: [6] }, 'relayed: there is only IPv6 here and only IPv4 at the other side'],
    [{}, "relayed: 0 of 12 probes came back from the other side's addresses: a firewall or router lets none through"],
    [
      { path: undefined, pairs: [{ ...wan, sent: 0 }] },
      'no path: the one address of the other side did not answer, and there is no relay',
    ],
    [
      { path: undefined, own: blocked },
      'no path: UDP is blocked here (0 of 12 probes came back, STUN did not answer), and by the relay nobody answered',
    ],
    [
      { path: undefined, own: dependent, peer: dependent, policy: 'direct-only', pairs: [wan] },
      'no path: both routers give each destination another port (endpoint-dependent NAT), so no direct path is possible, and this conversation is set to direct-only',
    ],
  ])('%#', (facts, words) => {
    expect(describeVerdict(report(facts))).toBe(words);
  });
});

it('all that was tried is told, a line each', () => {
  const ipv6: PairReport = {
    ...wan,
    address: { address: '2001:db8::9', port: 9 },
    kind: 'host',
    answered: 11,
    rttMs: 3.25,
    loss: 0.05,
    why: 'no-longer-answered',
  };
  const spare: PairReport = {
    ...wan,
    address: { address: 'via-3 203.0.113.9', port: 5 },
    kind: 'spare',
    rttMs: 42.4,
    loss: 0,
  };
  const none: NatKind = { ...unknownNat, mapping: 'none', filtering: 'address-and-port-dependent' };
  expect(describePath(report({ pairs: [relay, wan, ipv6, spare], own: none }))).toEqual([
    "relayed: 11 of 36 probes came back from the other side's addresses: a firewall or router lets none through",
    'here: no address translation, but a firewall that lets in answers only from where something was sent',
    'there: a router that keeps one port for all destinations (endpoint-independent NAT) that lets in answers only from where something was sent',
    "relay (the server's): in use",
    '203.0.113.9:4000 (as the server sees it): no answer, 0 of 12 probes came back',
    "[2001:db8::9]:9 (the device's own): answers no more, 11 of 12 probes came back, 3.3 ms, 5.0 % lost",
    '203.0.113.9:5 (met at random): no answer, 0 of 12 probes came back, 42 ms, 0 % lost',
  ]);
});
