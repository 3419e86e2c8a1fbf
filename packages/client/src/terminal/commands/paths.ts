import { ParleyError } from '@parley/protocol';
import { describePath, describeVerdict, type NatKind, type PathReport } from '@parley/rendezvous';
import { printable } from '@parley/text';
import type { Diagnosis, Finding, PathPolicy, PathTo } from '../../engine/api.js';
import { checked, words } from '../arguments.js';
import { declare } from '../command.js';
import type { Style } from '../style.js';
import { tokenize } from '../tokens.js';

const policies: readonly PathPolicy[] = ['auto', 'direct-only', 'relay-only'];
/** What may stand for a policy. */
export const policyWords: readonly string[] = [...policies, 'default'];
const maxNameCharacters = 256;

interface PathArguments {
  readonly user: string | undefined;
  /** Null: as mca was started; undefined: only shown. */
  readonly policy: PathPolicy | null | undefined;
}

export const path = declare({
  name: 'path',
  long: 'path',
  usage: 'path [user] [policy]',
  doc: 'shows by which addresses a user was tried, and why the path is what it is; or sets what may be tried',
  details: [
    'Without a user it is about the open session. A policy counts from the next conversation on, and is kept.',
    'auto: direct where that is possible, else relayed. direct-only: never by the relay.',
    'relay-only: by the relay alone, so that the other device does not learn your address.',
    'default: as mca was started (--path); takes back what was set.',
  ],
  subjects: ['any-user', 'policy'],
  parse: pathArguments,
  run: ({ client }, { user, policy }) => {
    if (user !== undefined && policy !== undefined) client.setPathPolicy(user, policy);
    return Promise.resolve({ ...client.pathTo(user), wasSet: policy !== undefined });
  },
  data: pathData,
  lines: (shown, style) => {
    const set = `${style.name(shown.peer)}: policy ${shown.policy}`;
    if (shown.wasSet) return [`${set}, from the next conversation on`];
    if (!shown.report) return [`${set}; no conversation with this user was begun yet`];
    return [set, ...describePath(shown.report)];
  },
});

function pathArguments(rest: string): PathArguments {
  const given = tokenize(rest);
  if (given.length === 0) return { user: undefined, policy: undefined };
  const user = checked('the user', given[0], maxNameCharacters);
  if (given.length === 1) {
    if (policyWords.includes(user)) throw new ParleyError('USAGE', 'the user comes first, then the policy');
    return { user, policy: undefined };
  }
  const [, word] = words(rest, ['the user', 'the policy']);
  if (word === 'default') return { user, policy: null };
  const policy = policies.find((known) => known === word);
  if (!policy) throw new ParleyError('USAGE', 'a policy is auto, direct-only, relay-only or default');
  return { user, policy };
}

export const doctor = declare({
  name: 'doctor',
  long: 'doctor',
  usage: 'doctor [user]',
  doc: 'finds out what of this network and the server works; with a user also the way there',
  details: ['With a user a session is opened for it, unless it is open already. It takes some seconds.'],
  subjects: ['any-user'],
  parse: (rest) =>
    tokenize(rest).length === 0 ? undefined : checked('the user', words(rest, ['the user'])[0], maxNameCharacters),
  run: ({ client, signal, progress }, user) => {
    progress((style) => `asking around ${style.marks.ellipsis}`);
    return client.diagnose(user, { signal });
  },
  data: ({ findings, path: way }) => ({
    findings: findings.map(({ check, state, text }) => ({ check, state, text })),
    path: way && pathData(way),
  }),
  lines: diagnosisLines,
});

function diagnosisLines({ findings, path: way }: Diagnosis, style: Style): string[] {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.map((finding) => findingLine(finding, width, style));
  if (!way) return lines;
  const about = way.report ? describePath(way.report) : ['no conversation was begun'];
  return [...lines, `the way to ${style.name(way.peer)}:`, ...about.map((line) => `  ${line}`)];
}

function findingLine({ check, state, text }: Finding, width: number, style: Style): string {
  const mark = { ok: 'ok  ', note: '-   ', problem: '!   ' }[state];
  const line = `${mark}${check.padEnd(width)}  ${printable(text)}`;
  return state === 'problem' ? style.alarm(line) : line;
}

function pathData({ peer, policy, report }: PathTo): object {
  if (!report) return { peer, policy, path: null, verdict: null, here: null, there: null, pairs: [] };
  return {
    peer,
    policy,
    path: pathOf(report),
    verdict: describeVerdict(report),
    here: natData(report.own),
    there: report.peer ? natData(report.peer) : null,
    pairs: report.pairs.map(({ address, kind, sent, answered, rttMs, loss, why }) => ({
      ...{ address: address.address, port: address.port, kind, sent, answered },
      rttMs: rttMs === undefined ? null : Number(rttMs.toFixed(3)),
      loss: loss === undefined ? null : Number(loss.toFixed(4)),
      state: why,
    })),
  };
}

function pathOf({ path: now }: PathReport): 'direct' | 'relayed' | null {
  if (!now) return null;
  return now.kind === 'relay' ? 'relayed' : 'direct';
}

function natData({ mapping, filtering, isUdpBlocked }: NatKind): object {
  return { mapping: mapping ?? null, filtering: filtering ?? null, udpBlocked: isUdpBlocked };
}
