/** What it costs to be there and say nothing. */
import { setTimeout as sleep } from 'node:timers/promises';
import { withScene, type Cell, type CellFindings, type Scene } from './cell.js';
import { behind } from './grid.js';
import type { Topology } from './topology.js';

const settleMs = 10_000;
const windowMs = 60_000;
const onePacketInMs = 15_000;

async function homes(topology: Topology) {
  return {
    alice: (await behind(topology, 'alice', 'port-restricted')).host,
    bob: (await behind(topology, 'bob', 'port-restricted')).host,
  };
}

/** @param isOpen whether the conversation is still open; then the figure is for people, and has no limit */
function idleCell(name: string, isOpen: boolean): Cell {
  return {
    name: `idle: ${name}`,
    isLong: true,
    run: (alone) => alone.take((endTurn) => withScene(4, homes, (scene) => stayIdle(scene, isOpen, endTurn))),
  };
}

async function stayIdle({ topology, alice, bob }: Scene, isOpen: boolean, endTurn: () => void): Promise<CellFindings> {
  endTurn();
  const opened = await alice.ask('o bob');
  if (opened.fields['ok'] !== true) {
    return { problems: [`no conversation: ${JSON.stringify(opened.fields['error'])}`] };
  }
  await alice.ask('s hello');
  await alice.event({ event: 'receipt', state: 'delivered' });
  if (!isOpen) {
    await alice.ask('cs');
    await bob.event({ event: 'session', state: 'closed' });
  }
  await sleep(settleMs);
  await alice.namespace.nft(`
table inet watch {
  counter overTcp { }
  counter overUdp { }
  counter peers { }
  chain output {
    type filter hook output priority filter; policy accept;
    oifname "lo" accept
    meta l4proto tcp counter name overTcp
    meta l4proto udp counter name overUdp
    meta l4proto { tcp, udp } ip daddr != ${topology.serverAddress} counter name peers
  }
}`);
  await sleep(windowMs);
  const { overTcp = 0, overUdp = 0, peers = 0 } = await alice.namespace.counters();
  const sent = overTcp + overUdp;
  const seconds = windowMs / 1000;
  const note = `in ${String(seconds)} s ${String(overTcp)} packets by TCP, ${String(overUdp)} by UDP, ${String(peers)} of all not to the server`;
  const problems: string[] = [];
  const excesses: string[] = [];
  const most = windowMs / onePacketInMs;
  if (!isOpen && sent > most)
    excesses.push(`${String(sent)} packets in ${String(seconds)} s, at most ${String(most)} may be`);
  if (!isOpen && peers > 0) problems.push(`${String(peers)} packets went elsewhere than to the server`);
  const path = isOpen ? (await alice.conversation())?.path : undefined;
  return { problems, excesses, note, ...(path === undefined ? {} : { path }) };
}

export const idleCells: readonly Cell[] = [idleCell('logged in', false), idleCell('conversation open', true)];
