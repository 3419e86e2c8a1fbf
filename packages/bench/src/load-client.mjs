// The load on one server: pairs of clients that send to each other. A process of its own, and the same code for every
// server; only the wording of lines differs. Told what to do by one argument, in JSON; prints one line of JSON.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { dialects } from './dialects.mjs';

const spec = JSON.parse(process.argv[2]);
const { port, prefix, pairs, textBytes, window, ratePerSecond, warmUpMs, measureMs, serverPid } = spec;
const dialect = dialects[spec.dialect];

/** A server has this long to greet everyone, and to pass on what is under way at the end. */
const patienceMs = 10_000;

/** The time a message was sent, microseconds in decimal, at the beginning of its text. */
const stampBytes = 16;

class Member {
  constructor(index) {
    this.name = `${prefix}${index}`;
    this.sent = 0;
    this.received = 0;
    this.rest = Buffer.alloc(0);
    this.onLine = () => undefined;
    this.onLines = () => undefined;
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('data', (bytes) => this.#read(bytes));
    this.socket.on('close', () => fail(`the server closed the connection of ${this.name}`));
    this.socket.on('error', (error) => fail(error.message));
  }

  /** Settles when the server knows its name. */
  async join() {
    await once(this.socket, 'connect');
    const welcome = new Promise((resolve) => {
      this.onLine = (line) => {
        if (dialect.isWelcome(line.toString())) resolve();
      };
    });
    this.socket.write(dialect.hello(this.name));
    await welcome;
  }

  /** Every text ends in this, and is as long as it is. */
  meet(partner) {
    this.partner = partner;
    this.text = `${'0'.repeat(stampBytes)} from ${this.name} `.padEnd(textBytes, 'x');
    this.batch = Buffer.from(dialect.message(partner.name, this.text).repeat(window));
    this.messageBytes = this.batch.length / window;
    this.onLine = (line) => this.#take(line);
  }

  /** So many messages in one write. */
  send(howMany) {
    this.sent += howMany;
    this.socket.write(this.batch.subarray(0, howMany * this.messageBytes));
  }

  sendStamped() {
    this.sent += 1;
    const stamp = String(Math.round(performance.now() * 1_000)).padStart(stampBytes, '0');
    this.socket.write(dialect.message(this.partner.name, stamp + this.text.slice(stampBytes)));
  }

  #read(bytes) {
    let start = 0;
    const before = this.received;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      let line = bytes.subarray(start, end);
      if (this.rest.length > 0) {
        line = Buffer.concat([this.rest, line]);
        this.rest = Buffer.alloc(0);
      }
      this.onLine(line.at(-1) === 13 ? line.subarray(0, -1) : line);
      start = end + 1;
    }
    if (start < bytes.length) this.rest = Buffer.concat([this.rest, bytes.subarray(start)]);
    if (this.received > before) this.onLines(this.received - before);
  }

  #take(line) {
    if (line.length < textBytes) {
      const answer = dialect.pong?.(line.toString());
      if (answer === undefined) fail(`the server said ${line.toString()}`);
      this.socket.write(answer);
      return;
    }
    this.received += 1;
    // Each in full would be the client's work, not the server's: every 64th.
    if (this.received % 64 === 1) this.#check(line.toString());
    this.onMessage?.(line);
  }

  #check(line) {
    const expected = this.partner.text.slice(stampBytes);
    if (!line.endsWith(expected)) fail(`${this.name} received ${line}`);
  }
}

const members = Array.from({ length: 2 * pairs }, (_, index) => new Member(index));
const total = (what) => members.reduce((sum, member) => sum + member[what], 0);

const watchdog = setTimeout(() => fail('the server did not greet everyone in time'), patienceMs);
await Promise.all(members.map((member) => member.join()));
clearTimeout(watchdog);
// What else servers say at the beginning is over then.
await sleep(300);
members.forEach((member, index) => member.meet(members[index ^ 1]));

const result = ratePerSecond === null ? await saturate() : await pace();
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);

/** Each has `window` messages under way: it sends as many as arrive, so nothing is dropped anywhere. */
async function saturate() {
  let sending = true;
  for (const member of members) {
    member.onLines = (howMany) => {
      if (sending) member.partner.send(howMany);
    };
  }
  for (const member of members) member.send(window);
  await sleep(warmUpMs);
  const before = take();
  await sleep(measureMs);
  const after = take();
  sending = false;
  await allArrived();
  const messages = after.received - before.received;
  const seconds = (after.at - before.at) / 1e3;
  return {
    messagesPerSecond: messages / seconds,
    serverCpuMicros: before.serverCpu === null ? null : ((after.serverCpu - before.serverCpu) * 1e6) / messages,
    clientBusy: (after.clientCpu - before.clientCpu) / 1e6 / seconds,
  };
}

function take() {
  const { user, system } = process.cpuUsage();
  return { at: performance.now(), received: total('received'), clientCpu: user + system, serverCpu: serverCpu() };
}

/** In seconds; proc(5) counts in hundredths. */
function serverCpu() {
  try {
    const fields = readFileSync(`/proc/${serverPid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return null;
  }
}

/** So many messages a second in all, each in turn, whatever has arrived. The delay counts from the write. */
async function pace() {
  const delays = [];
  const firstAt = performance.now();
  const measureFrom = (firstAt + warmUpMs) * 1_000;
  for (const member of members) {
    member.onMessage = (line) => {
      const text = line.subarray(-textBytes);
      const sentAt = Number(text.subarray(0, stampBytes).toString('latin1'));
      if (sentAt >= measureFrom) delays.push(performance.now() * 1_000 - sentAt);
    };
  }
  for (let sent = 0; ;) {
    const passed = performance.now() - firstAt;
    if (passed > warmUpMs + measureMs) break;
    for (const due = (passed / 1_000) * ratePerSecond; sent < due; sent += 1) {
      members[sent % members.length].sendStamped();
    }
    await sleep(1);
  }
  await allArrived();
  delays.sort((a, b) => a - b);
  const at = (part) => delays[Math.min(delays.length - 1, Math.floor(part * delays.length))];
  return { p50Micros: at(0.5), p99Micros: at(0.99), messages: delays.length };
}

async function allArrived() {
  const deadline = performance.now() + patienceMs;
  while (total('received') < total('sent')) {
    if (performance.now() > deadline) fail(`${total('sent') - total('received')} messages were lost`);
    await sleep(10);
  }
}

function fail(reason) {
  process.stderr.write(`load client: ${reason}\n`);
  process.exit(1);
}
