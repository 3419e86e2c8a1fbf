/** What one side may do with the streams of its link, and with datagrams, at random. */
import type { SeededRandom } from '@parley/simulator';
import { streamPriorities } from '../streams/stream-id.js';
import { streamLimits } from '../streams/stream-limits.js';
import type { StreamSet } from '../streams/stream-set.js';
import type { Conversation } from './conversation.js';
import type { SideName } from './side-name.js';
import { saidHeaderBytes } from './said-bytes.js';

const mostAtOnce = 20;
const largePieceBytes = 60_000;
const mostDatagramBytes = 2_000;

/** @returns what was done, in a word or two; undefined when the link cannot be used */
export function talkAtRandom(random: SeededRandom, conversation: Conversation, side: SideName): string | undefined {
  const link = conversation.streamsOf(side);
  if (!link) return undefined;
  const roll = random.below(100);
  if (roll < 20) return sendDatagrams(random, conversation, side, link);
  if (roll < 25) return openMany(random, conversation, side, link);
  if (roll < 32) return writeMuch(random, conversation, side, link);
  const count = random.between(1, mostAtOnce);
  for (let left = count; left > 0; left -= 1) actOnce(random, conversation, side, link);
  return `${String(count)} acts on streams`;
}

/** @param count how many; at random without it */
export function sendDatagrams(
  random: SeededRandom,
  { datagrams }: Conversation,
  side: SideName,
  link: StreamSet,
  count = random.between(1, 100),
): string {
  const most = Math.min(link.maxDatagramBytes, mostDatagramBytes);
  for (let left = count; left > 0; left -= 1) {
    link.sendDatagram(datagrams.next(side, random.between(saidHeaderBytes, most)));
  }
  return `${String(count)} datagrams`;
}

/** More than there may be, perhaps; most of them end at once. */
function openMany(random: SeededRandom, { streams }: Conversation, side: SideName, link: StreamSet): string {
  const count = random.between(mostAtOnce, 1.2 * streamLimits.openStreams);
  for (let left = count; left > 0; left -= 1) {
    const id = streams.open(side, link, random.oneOf(streamPriorities));
    if (id === undefined) break;
    streams.write(side, link, id, random.between(1, 100));
    if (random.chance(0.8)) streams.end(side, link, id);
  }
  return `opens ${String(count)} streams`;
}

/** More than one window, perhaps, on a stream that goes on. */
function writeMuch(
  random: SeededRandom,
  { streams }: Conversation,
  side: SideName,
  link: StreamSet,
): string | undefined {
  const usable = streams.usableBy(side);
  const id = usable.length > 0 ? random.oneOf(usable) : streams.open(side, link, random.oneOf(streamPriorities));
  const count = random.between(2, 8);
  if (id === undefined) return undefined;
  for (let left = count; left > 0; left -= 1) streams.write(side, link, id, largePieceBytes);
  return `${String(count * largePieceBytes)} bytes on stream ${String(id)}`;
}

function actOnce(random: SeededRandom, { streams }: Conversation, side: SideName, link: StreamSet): void {
  const usable = streams.usableBy(side);
  const roll = random.below(100);
  if (usable.length === 0 || roll < 20) {
    const id = streams.open(side, link, random.oneOf(streamPriorities));
    if (id !== undefined && random.chance(0.8)) streams.write(side, link, id, random.between(1, 1_000));
    return;
  }
  const id = random.oneOf(usable);
  if (roll < 55) streams.write(side, link, id, random.between(1, random.oneOf([10, 1_000, 10_000])));
  else if (roll < 67) streams.end(side, link, id);
  else if (roll < 74) streams.reset(side, link, id, random.u32());
  else if (roll < 81) streams.stopSending(side, link, id, random.u32());
  else streams.setPaused(side, link, id, random.chance(0.4));
}
