/**
 * A program that tells what kind of NAT is before it, without any of our own code in between (RFC 4787; RFC 5780, section 4).
 *
 *     node nat-probe.js server ADDRESS OTHER-ADDRESS    three sockets; prints "ready"
 *     node nat-probe.js client ADDRESS OTHER-ADDRESS    prints what it found as JSON
 *     node nat-probe.js watch ADDRESS OTHER-ADDRESS     prints, for each line it is given, how one socket is seen
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export type Mapping = 'none' | 'endpoint-independent' | 'address-dependent' | 'address-and-port-dependent';
export type Filtering = 'endpoint-independent' | 'address-dependent' | 'address-and-port-dependent';

/** Undefined where nothing came back at all. */
export interface ProbeFindings {
  readonly mapping: Mapping | undefined;
  readonly filtering: Filtering | undefined;
  /** Two sockets behind it hear each other by their outer addresses, from their outer addresses. */
  readonly hairpin: boolean;
}

/** Where a question is asked, or the answer is to come from. */
const doors = ['first', 'other-port', 'other-address'] as const;
type Door = (typeof doors)[number];

interface Endpoint {
  readonly address: string;
  readonly port: number;
}

const ports = { first: 3478, 'other-port': 3479, 'other-address': 3478 } as const;
const askEveryMs = 150;
const asks = 4;

export const probeProgram = fileURLToPath(new URL('nat-probe.js', import.meta.url));

function endpoints(address: string, otherAddress: string): Record<Door, Endpoint> {
  return {
    first: { address, port: ports.first },
    'other-port': { address, port: ports['other-port'] },
    'other-address': { address: otherAddress, port: ports['other-address'] },
  };
}

async function serve(places: Record<Door, Endpoint>): Promise<void> {
  const sockets = Object.fromEntries(doors.map((door) => [door, createSocket('udp4')])) as Record<Door, Socket>;
  for (const door of doors) {
    sockets[door].bind(places[door].port, places[door].address);
    await once(sockets[door], 'listening');
    sockets[door].on('message', (bytes, { address, port }) => {
      const { answerFrom } = JSON.parse(bytes.toString()) as { answerFrom: Door };
      sockets[answerFrom].send(JSON.stringify({ asked: door, answerFrom, address, port }), port, address);
    });
  }
  process.stdout.write('ready\n');
}

interface Answer extends Endpoint {
  readonly asked: Door;
  readonly answerFrom: Door;
}

/** Asks a few times; gives the answers that came, by the door asked and the one they came from. */
async function ask(
  socket: Socket,
  places: Record<Door, Endpoint>,
  questions: readonly { readonly to: Door; readonly answerFrom: Door }[],
): Promise<Map<string, Answer>> {
  const answers = new Map<string, Answer>();
  const take = (bytes: Buffer): void => {
    const answer = JSON.parse(bytes.toString()) as Answer;
    answers.set(`${answer.asked} ${answer.answerFrom}`, answer);
  };
  socket.on('message', take);
  for (let i = 0; i < asks && answers.size < questions.length; i += 1) {
    for (const { to, answerFrom } of questions) {
      socket.send(JSON.stringify({ answerFrom }), places[to].port, places[to].address);
    }
    await sleep(askEveryMs);
  }
  socket.off('message', take);
  return answers;
}

async function probe(places: Record<Door, Endpoint>): Promise<ProbeFindings> {
  const [mapped, filtered, x, y] = await Promise.all([open(), open(), open(), open()]);
  const [byDoor, answers, hairpin] = await Promise.all([
    ask(
      mapped,
      places,
      doors.map((door) => ({ to: door, answerFrom: door })),
    ),
    ask(
      filtered,
      places,
      doors.map((door) => ({ to: 'first', answerFrom: door })),
    ),
    hearsItself(x, y, places),
  ]);
  for (const socket of [mapped, filtered, x, y]) socket.close();
  const seen = doors.map((door) => byDoor.get(`${door} ${door}`));
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses?.map(({ address }) => address) ?? []);
  return {
    mapping: classifyMapping(seen, own),
    filtering: answers.has('first first')
      ? answers.has('first other-address')
        ? 'endpoint-independent'
        : answers.has('first other-port')
          ? 'address-dependent'
          : 'address-and-port-dependent'
      : undefined,
    hairpin,
  };
}

/** @param seen how the client was seen by the first door, by the other port, and by the other address */
export function classifyMapping(
  [first, otherPort, otherAddress]: readonly (Endpoint | undefined)[],
  own: readonly string[],
): Mapping | undefined {
  if (!first || !otherPort || !otherAddress) return undefined;
  const same = (a: Endpoint, b: Endpoint): boolean => a.address === b.address && a.port === b.port;
  if (!same(first, otherPort)) return 'address-and-port-dependent';
  if (!same(first, otherAddress)) return 'address-dependent';
  return own.includes(first.address) ? 'none' : 'endpoint-independent';
}

async function hearsItself(x: Socket, y: Socket, places: Record<Door, Endpoint>): Promise<boolean> {
  const question = [{ to: 'first', answerFrom: 'first' }] as const;
  const [ofX, ofY] = (await Promise.all([x, y].map((socket) => ask(socket, places, question)))).map((answers) =>
    answers.get('first first'),
  );
  if (!ofX || !ofY) return false;
  const heard = new Set<string>();
  const listen = (name: string, other: Endpoint) => (_bytes: Buffer, from: RemoteInfo) => {
    if (from.address === other.address && from.port === other.port) heard.add(name);
  };
  x.on('message', listen('x', ofY));
  y.on('message', listen('y', ofX));
  for (let i = 0; i < asks; i += 1) {
    x.send('hairpin', ofY.port, ofY.address);
    y.send('hairpin', ofX.port, ofX.address);
    await sleep(askEveryMs);
  }
  return heard.size === 2;
}

async function watch(places: Record<Door, Endpoint>): Promise<void> {
  const socket = await open();
  for await (const _line of createInterface({ input: process.stdin })) {
    const seen = (await ask(socket, places, [{ to: 'first', answerFrom: 'first' }])).get('first first');
    process.stdout.write(`${seen ? `${seen.address}:${String(seen.port)}` : 'not at all'}\n`);
  }
  socket.close();
}

async function open(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0);
  await once(socket, 'listening');
  return socket;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

if (process.argv[1] === probeProgram) {
  const [role, address = '', otherAddress = ''] = process.argv.slice(2);
  const places = endpoints(address, otherAddress);
  if (role === 'server') await serve(places);
  else if (role === 'watch') await watch(places);
  else process.stdout.write(`${JSON.stringify(await probe(places))}\n`);
}
