/** The one place where words are made of what is known of a path: for `path`, `l`, `doctor` and NO_PATH. */
import type { SeenFiltering } from './nat-discovery.js';
import type { NatKind } from './path-offer.js';
import type { PairKind, PairReport, PairState } from './path-pair.js';
import type { NotDirect, PathReport, Where } from './path-report.js';
import { routeOf } from './virtual-address.js';

/** One sentence without a full stop, such as "direct over the local network". */
export function describeVerdict(report: PathReport): string {
  const { verdict } = report;
  switch (verdict.state) {
    case 'direct':
      return {
        'this-machine': 'direct on this machine',
        'local-network': 'direct over the local network',
        internet: 'direct over the internet',
      }[verdict.over];
    case 'checking': {
      const what = verdict.isBirthday ? 'many ports of the other router are being tried' : 'addresses are being tried';
      return verdict.isRelayed ? `relayed for now: ${what}` : `no path yet: ${what}`;
    }
    case 'relayed':
      return `relayed: ${describeNotDirect(verdict.reason, report)}`;
    case 'none':
      return `no path: ${describeNotDirect(verdict.reason, report)}, ${describeNoRelay(report)}`;
  }
}

/** The verdict, then NATs of both sides, then one line for each address that was tried. */
export function describePath(report: PathReport): string[] {
  const { own, peer, pairs } = report;
  return [
    describeVerdict(report),
    `here: ${describeNat(own)}`,
    `there: ${peer ? describeNat(peer) : 'nothing is known yet'}`,
    ...pairs.map(describePair),
  ];
}

/** What NAT there is, such as "a router that gives each destination another port (endpoint-dependent mapping)". */
export function describeNat({ mapping, filtering, isUdpBlocked }: NatKind): string {
  if (isUdpBlocked) return 'UDP does not get through (STUN did not answer)';
  const filter = filtering === undefined ? '' : filterWords[filtering];
  switch (mapping) {
    case undefined:
      return 'it is not known what router there is';
    case 'none':
      return filtering === 'address-and-port-dependent'
        ? `no address translation, but a firewall${filter}`
        : 'no address translation';
    case 'endpoint-independent':
      return `a router that keeps one port for all destinations (endpoint-independent NAT)${filter}`;
    case 'endpoint-dependent':
      return `a router that gives each destination another port (endpoint-dependent NAT)${filter}`;
  }
}

const filterWords: Record<SeenFiltering, string> = {
  'not-by-port': ' that lets in answers from any port',
  'address-and-port-dependent': ' that lets in answers only from where something was sent',
};

function describeNotDirect(reason: NotDirect, report: PathReport): string {
  const direct = report.pairs.filter(({ kind }) => kind !== 'relay');
  const sent = direct.reduce((sum, pair) => sum + pair.sent, 0);
  const answered = direct.reduce((sum, pair) => sum + pair.answered, 0);
  const probes = `${String(answered)} of ${String(sent)} probes came back`;
  switch (reason.kind) {
    case 'own-policy':
      return 'this conversation is set to relay-only, so that nobody learns your address';
    case 'no-offer':
      return 'the other side has not told where it may be reached';
    case 'no-addresses':
      return 'the other side tells no address (it may be set to relay-only)';
    case 'none-usable':
      return `none of the other side's addresses may be used (${String(reason.refused)} refused)`;
    case 'udp-blocked':
      return `UDP is blocked ${place(reason.where)} (${probes}, STUN did not answer)`;
    case 'unstable':
      return 'the direct path was left because it lost data; it will be tried again';
    case 'both-endpoint-dependent':
      return 'both routers give each destination another port (endpoint-dependent NAT), so no direct path is possible';
    case 'endpoint-dependent': {
      const router = reason.where === 'here' ? 'the router here' : "the other side's router";
      const tried = reason.birthday === 'failed' ? 'and none of many tried ports met' : `and ${probes}`;
      return `${router} gives each destination another port (endpoint-dependent NAT), ${tried}`;
    }
    case 'no-common-family':
      return reason.own === 4
        ? 'there is only IPv4 here and only IPv6 at the other side'
        : 'there is only IPv6 here and only IPv4 at the other side';
    case 'unanswered':
      // Without a session there are no probes: the handshake went to all of them.
      if (sent === 0 && direct.length === 1) return 'the one address of the other side did not answer';
      return sent === 0
        ? `none of the ${String(direct.length)} addresses of the other side answered`
        : `${probes} from the other side's addresses: a firewall or router lets none through`;
  }
}

function describeNoRelay({ policy, pairs }: PathReport): string {
  if (policy === 'direct-only') return 'and this conversation is set to direct-only';
  return pairs.some(({ kind }) => kind === 'relay') ? 'and by the relay nobody answered' : 'and there is no relay';
}

function place(where: Where): string {
  return { here: 'here', there: 'at the other side', both: 'on both sides' }[where];
}

function describePair(pair: PairReport): string {
  const counts = pair.sent > 0 ? `, ${String(pair.answered)} of ${String(pair.sent)} probes came back` : '';
  const rtt = pair.rttMs === undefined ? '' : `, ${formatMs(pair.rttMs)}`;
  const loss = pair.loss === undefined ? '' : `, ${formatShare(pair.loss)} lost`;
  return `${describeAddress(pair)} (${kindWords[pair.kind]}): ${stateWords[pair.why]}${counts}${rtt}${loss}`;
}

const kindWords: Record<PairKind, string> = {
  host: "the device's own",
  mapped: 'mapped by its router',
  reflexive: 'as the server sees it',
  'peer-reflexive': 'seen here',
  relay: "the server's",
  spare: 'met at random',
};

const stateWords: Record<PairState, string> = {
  path: 'in use',
  'not-tried': 'not tried',
  trying: 'being tried',
  works: 'works',
  unanswered: 'no answer',
  'no-longer-answered': 'answers no more',
  left: 'left, as it lost data',
};

function describeAddress({ address }: PairReport): string {
  const route = routeOf(address);
  if (route.kind === 'relay') return 'relay';
  const { address: ip, port } = route.to;
  return ip.includes(':') ? `[${ip}]:${String(port)}` : `${ip}:${String(port)}`;
}

function formatMs(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${ms.toFixed(0)} ms`;
}

function formatShare(share: number): string {
  const percent = share * 100;
  return percent === 0 || percent >= 10 ? `${percent.toFixed(0)} %` : `${percent.toFixed(1)} %`;
}
