// The relays, each started alone on loopback, with pairs of clients that are ready to send.
import { createHmac } from 'node:crypto';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { decodeRelayFrame, encodeRelayFrame } from '@parley/rendezvous';
import { pinned } from '../cores.mjs';
import { allocateRequest, channelBindRequest, channelDataHead, relayedPort } from './turn-client.mjs';

const folder = mkdtempSync(join(tmpdir(), 'parley-reach-'));
const clockTicks = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout) || 100;
const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Nothing between the two: what the way itself takes. */
async function none(load) {
  for (const [pair, { receiver }] of load.pairs.entries()) await load.target(pair, receiver, []);
  return { skip: 0, stop: () => undefined };
}

/** The program as its users start it, but for what it lets one user and all send, and for the work of bcrypt. */
async function msa(load, { nodeOptions }) {
  const most = [
    '--relay-user-rate',
    '1000000000',
    '--relay-rate',
    '10000000000',
    '--relay-user-quota',
    '1000000000000000',
  ];
  const place = ['--host', '127.0.0.1', '--port', '0', '--data', mkdtempSync(join(folder, 'data-'))];
  const program = fileURLToPath(new URL('../../../server/bin/msa.js', import.meta.url));
  const child = start([
    process.execPath,
    ...nodeOptions,
    program,
    '--json',
    '--no-tls',
    '--bcrypt-cost',
    '4',
    ...place,
    ...most,
  ]);
  const { control, udp } = JSON.parse(await firstLine(child));
  const users = [];
  for (const pair of load.pairs.keys()) {
    const [left, right] = [await joined(control.port, `left-${pair}`), await joined(control.port, `right-${pair}`)];
    users.push(left, right);
    const called = left.call('session.open', { peer: right.name });
    await right.notified('session.incoming');
    const answered = await right.call('session.answer', { peer: left.name, answer: 'accept' });
    const [own, theirs] = [(await called).introduction.relay, answered.introduction.relay];
    await bind(load, 'sender', pair, udp.port, own);
    await bind(load, 'receiver', pair, udp.port, theirs);
    const { side, channel } = own;
    const frame = encodeRelayFrame({ type: 'data', side, channel, payload: Uint8Array.of(0) });
    await load.target(pair, udp.port, frame.subarray(0, -1));
  }
  return {
    ...{ skip: 6, pid: child.pid },
    stop: () => {
      for (const user of users) user.end();
      return stop(child);
    },
  };
}

async function bind(load, side, pair, port, grant) {
  const question = { side: grant.side, channel: grant.channel };
  const challenge = decodeRelayFrame(await load.ask(side, pair, port, encodeRelayFrame({ type: 'bind', ...question })));
  const mac = createHmac('sha256', Buffer.from(grant.token, 'base64')).update(challenge.cookie).digest();
  const prove = encodeRelayFrame({ type: 'prove', ...question, cookie: challenge.cookie, proof: mac.subarray(0, 16) });
  const bound = decodeRelayFrame(await load.ask(side, pair, port, prove));
  if (bound?.type !== 'bound') throw new Error('the relay did not bind');
}

/** A user on the control connection, which stays open: the introduction lasts as long. */
async function joined(port, name) {
  const socket = connect({ host: '127.0.0.1', port });
  await once(socket, 'connect');
  const waiting = new Map();
  createInterface({ input: socket }).on('line', (line) => {
    const message = JSON.parse(line);
    const key = message.id ?? message.method;
    waiting.get(key)?.(message);
    waiting.delete(key);
  });
  const came = (key) => new Promise((resolve) => waiting.set(key, resolve));
  let last = 0;
  const user = {
    name,
    notified: (method) => came(method),
    call: async (method, params) => {
      last += 1;
      socket.write(`${JSON.stringify({ jsonrpc: '2.0', id: last, method, params })}\n`);
      const { result, error } = await came(last);
      if (error) throw new Error(`${method}: ${error.message}`);
      return result;
    },
    end: () => socket.destroy(),
  };
  // What a server asks between is answered by nobody here: it waits for two intervals of 20 s.
  await user.call('account.register', {
    name,
    password: `password of ${name}`,
    deviceKey: Buffer.alloc(32).toString('base64'),
  });
  const pulse = setInterval(() => void user.call('server.ping', {}), 10_000);
  socket.once('close', () => clearInterval(pulse));
  return user;
}

/** Debian's coturn, in C: ChannelData from a client of TURN to a plain address, with one thread for relaying. */
async function coturn(load) {
  const port = 34_780;
  const place = ['--listening-ip', '127.0.0.1', '--relay-ip', '127.0.0.1', '--listening-port', String(port)];
  const files = [
    '--log-file',
    join(folder, 'turn.log'),
    '--pidfile',
    join(folder, 'turn.pid'),
    '--userdb',
    join(folder, 'turn.db'),
  ];
  const off = [
    '-n',
    '--no-auth',
    '--no-cli',
    '--no-tls',
    '--no-dtls',
    '--allow-loopback-peers',
    '--no-stdout-log',
    '--simple-log',
  ];
  const child = start(['turnserver', ...off, ...place, ...files, '-m', '1'], 'ignore');
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  for (const [pair, { receiver }] of load.pairs.entries()) {
    const allocated = await load.ask('sender', pair, port, allocateRequest());
    if (relayedPort(allocated) === undefined) throw new Error('coturn allocated nothing');
    const bound = await load.ask('sender', pair, port, channelBindRequest(receiver));
    if (bound.readUInt16BE(0) !== 0x0109) throw new Error('coturn bound no channel');
  }
  return {
    ...{ skip: 0, pid: child.pid, stop: () => stop(child) },
    // The head holds the length of what follows.
    prepare: async (bytes) => {
      for (const pair of load.pairs.keys()) await load.target(pair, port, channelDataHead(bytes));
    },
  };
}

export const relays = {
  none: { title: 'no relay', open: none },
  msa: { title: 'msa', open: msa },
  coturn: {
    title: 'coturn',
    open: coturn,
    missing: () => (spawnSync('turnserver', ['--version']).error ? 'apt-get install coturn' : undefined),
  },
};

/** @returns seconds that the process has used, and what it holds in memory; undefined where there is no /proc */
export function usageOf(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    const resident = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / clockTicks, residentKib: Number(resident) };
  } catch {
    return undefined;
  }
}

function start(command, stdout = 'pipe') {
  const [program, args] = pinned('server', command);
  const child = spawn(program, args, { stdio: ['ignore', stdout, 'ignore'] });
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

async function stop(child) {
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  const hard = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await closed;
  clearTimeout(hard);
}

async function firstLine(child) {
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error('the program ended before it was ready');
}
