/** Situations that a transport has to master, as data: what the path does, what is said, and how long it may take. */
import { headerBytes, mbitPerS, type Conditions } from '@parley/simulator';
import type { SideName } from './side-name.js';

/** Something that one side has to say. A stream or a datagram flow is another kind. */
export type Flow =
  /** As fast as the link takes it. */
  | { readonly kind: 'bulk'; readonly from: SideName; readonly bytes: number; readonly messageBytes: number }
  /** One at a time, until all bulk flows are done, and `count` times at least. */
  | {
      readonly kind: 'chat';
      readonly from: SideName;
      readonly everyMs: number;
      readonly messageBytes: number;
      readonly count: number;
    };

/** Side a, the initiator, gets a new address. */
export interface Moves {
  readonly kind: 'address' | 'port';
  readonly firstMs: number;
  readonly everyMs: number;
}

export interface Scenario {
  readonly name: string;
  readonly conditions: Partial<Conditions>;
  /** Changes of the conditions, counted from the beginning. */
  readonly steps?: readonly { readonly atMs: number; readonly conditions: Partial<Conditions> }[];
  readonly moves?: Moves;
  readonly flows: readonly Flow[];
  /** Virtual time within which both are established. */
  readonly establishedMs: number;
  /** Virtual time within which all has arrived and is acknowledged. */
  readonly limitMs: number;
  /** While there is something to say, the longest time without progress, not counting the dead times of the path. */
  readonly stallMs: number;
}

/** 10 Mbit/s and 30 ms of round trip, with a queue of 25 datagrams. */
const interopPath: Partial<Conditions> = {
  latencyMs: 15,
  rateBytesPerMs: mbitPerS(10),
  queueBytes: 25 * (1_452 + headerBytes),
};

const greetings: readonly Flow[] = (['a', 'b'] as const).map((from) => ({
  kind: 'chat',
  from,
  everyMs: 50,
  messageBytes: 40,
  count: 3,
}));

function download(bytes: number): Flow {
  return { kind: 'bulk', from: 'b', bytes, messageBytes: 16 * 1024 };
}

function moving(kind: Moves['kind']): Scenario {
  return {
    name: `rebinding-${kind}`,
    conditions: interopPath,
    moves: { kind, firstMs: 1_000, everyMs: 5_000 },
    // Who moves without knowing it is found again only by what it sends.
    flows: [download(10_000_000), { kind: 'chat', from: 'a', everyMs: 200, messageBytes: 40, count: 1 }],
    establishedMs: 200,
    limitMs: 25_000,
    stallMs: 2_000,
  };
}

/** Those of the QUIC interop runner, at 10 Mbit/s and 30 ms unless they say otherwise. */
const interopScenarios: readonly Scenario[] = [
  {
    name: 'handshake-loss',
    conditions: { ...interopPath, loss: 0.3 },
    flows: greetings,
    establishedMs: 10_000,
    limitMs: 20_000,
    stallMs: 8_000,
  },
  {
    // 30 % of all: a burst of three begins with one in eight of those that are behind none.
    name: 'handshake-corruption',
    conditions: { ...interopPath, corruption: 0.125, corruptionBurst: 3 },
    flows: greetings,
    establishedMs: 10_000,
    limitMs: 20_000,
    stallMs: 8_000,
  },
  {
    name: 'handshake-long-rtt',
    conditions: { ...interopPath, latencyMs: 375 },
    flows: greetings,
    establishedMs: 3_000,
    limitMs: 6_000,
    stallMs: 2_500,
  },
  {
    name: 'transfer',
    conditions: interopPath,
    flows: [download(10_000_000)],
    establishedMs: 200,
    limitMs: 12_000,
    stallMs: 1_000,
  },
  {
    name: 'transfer-loss',
    conditions: { ...interopPath, loss: 0.02 },
    flows: [download(2_000_000)],
    establishedMs: 5_000,
    limitMs: 12_000,
    stallMs: 2_000,
  },
  {
    name: 'blackhole',
    conditions: { ...interopPath, deadTimes: { everyMs: 7_000, forMs: 2_000 } },
    flows: [download(10_000_000)],
    establishedMs: 200,
    limitMs: 30_000,
    stallMs: 4_000,
  },
  moving('port'),
  moving('address'),
];

interface Rung {
  readonly mbit: number;
  readonly rttMs: number;
  readonly loss: number;
  /** What takes the path at its best about two seconds, and less on those where most time goes into repairs. */
  readonly bytes: number;
  readonly limitMs: number;
}

/** From 100 Mbit/s, 16 ms and 0.1 % down to 256 kbit/s, 800 ms and 25 %. */
const ladder: readonly Rung[] = [
  { mbit: 100, rttMs: 16, loss: 0.001, bytes: 4_000_000, limitMs: 5_000 },
  { mbit: 50, rttMs: 30, loss: 0.003, bytes: 4_000_000, limitMs: 10_000 },
  { mbit: 20, rttMs: 60, loss: 0.01, bytes: 2_000_000, limitMs: 20_000 },
  { mbit: 10, rttMs: 100, loss: 0.02, bytes: 1_000_000, limitMs: 25_000 },
  { mbit: 4, rttMs: 180, loss: 0.05, bytes: 500_000, limitMs: 40_000 },
  { mbit: 2, rttMs: 300, loss: 0.1, bytes: 200_000, limitMs: 60_000 },
  { mbit: 1, rttMs: 450, loss: 0.15, bytes: 100_000, limitMs: 60_000 },
  { mbit: 0.5, rttMs: 600, loss: 0.2, bytes: 50_000, limitMs: 60_000 },
  { mbit: 0.256, rttMs: 800, loss: 0.25, bytes: 25_000, limitMs: 60_000 },
];

function conditionsOf({ mbit, rttMs, loss }: Rung): Partial<Conditions> {
  const rateBytesPerMs = mbitPerS(mbit);
  // One bandwidth-delay product, and a dozen datagrams at least.
  const queueBytes = Math.max(rateBytesPerMs * rttMs, 12 * 1_480);
  return { latencyMs: rttMs / 2, loss, rateBytesPerMs, queueBytes };
}

const rungs: readonly Scenario[] = ladder.map((rung, i) => ({
  name: `ladder-${String(i + 1)}`,
  conditions: conditionsOf(rung),
  flows: [
    { kind: 'bulk', from: 'b', bytes: rung.bytes, messageBytes: 4 * 1024 },
    { kind: 'chat', from: 'a', everyMs: 500, messageBytes: 100, count: 4 },
  ],
  establishedMs: 10_000,
  limitMs: rung.limitMs,
  stallMs: 20_000,
}));

/** Down the ladder and up again while a transfer goes on, five seconds a rung. */
const upAndDown: Scenario = {
  name: 'ladder-down-and-up',
  conditions: ladder[0] ? conditionsOf(ladder[0]) : {},
  steps: [...ladder, ...ladder.toReversed()].map((rung, i) => ({ atMs: i * 5_000, conditions: conditionsOf(rung) })),
  flows: [
    { kind: 'chat', from: 'a', everyMs: 300, messageBytes: 100, count: 300 },
    { kind: 'chat', from: 'b', everyMs: 100, messageBytes: 2_000, count: 900 },
  ],
  establishedMs: 2_000,
  limitMs: 110_000,
  stallMs: 15_000,
};

const ladderScenarios: readonly Scenario[] = [...rungs, upAndDown];

/** Many keys and keep-alives long: a chat through most of a day. */
export const longScenarios: readonly Scenario[] = [
  {
    name: 'long-chat',
    conditions: { latencyMs: 40, jitterMs: 20, loss: 0.02 },
    flows: [
      { kind: 'chat', from: 'a', everyMs: 20_000, messageBytes: 100, count: 3_000 },
      { kind: 'chat', from: 'b', everyMs: 30_000, messageBytes: 1_000, count: 2_000 },
    ],
    establishedMs: 5_000,
    limitMs: 60_100_000,
    stallMs: 32_000,
  },
];

export const scenarios: readonly Scenario[] = [...interopScenarios, ...ladderScenarios];
