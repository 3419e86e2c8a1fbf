// Two processes that talk to each other over one transport, on chosen cores or at the two ends of the link.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onCore } from '../cores.mjs';

const program = fileURLToPath(new URL('./side.mjs', import.meta.url));
const openTimeoutMs = 20_000;
const callTimeoutMs = 15_000;
/** A process writes its profile, and ends. */
const endTimeoutMs = 5_000;

const sides = ['listener', 'dialer'];

/** For the end of the benchmark, however it comes. */
const running = new Set();

export function killAll() {
  for (const child of running) child.kill('SIGKILL');
}

export class Pair {
  #children = {};

  /**
   * @param link at whose ends the processes run; without one they talk over loopback
   * @param cores for each side the index of its core; without them the system chooses
   */
  constructor({ link, cores, nodeOptions = [] }) {
    this.link = link;
    for (const side of sides) {
      let command = [process.execPath, ...nodeOptions, program];
      if (cores) command = onCore(cores[side], command).flat();
      if (link) command = link.at(side, command[0], command.slice(1)).flat();
      this.#children[side] = new Child(command);
    }
    this.#children.listener.onSignal = (signal) => this.#children.dialer.post({ signal });
    this.#children.dialer.onSignal = (signal) => this.#children.listener.post({ signal });
  }

  /** Connects the two; each call makes one more connection. */
  async open(index, peer, options) {
    const opened = sides.map((side) => {
      const host = this.link?.hosts[side] ?? '127.0.0.1';
      return this.#children[side].call('open', { index, peer, how: { side, host, ...options } }, openTimeoutMs);
    });
    await Promise.all(opened);
  }

  /** The listener first, so that it misses nothing. */
  async start(workload, spec) {
    for (const side of sides) await this.#children[side].call('start', { workload, side, spec }, callTimeoutMs);
  }

  /** @returns what both have counted so far */
  async snapshot() {
    const [listener, dialer] = await Promise.all(
      sides.map((side) => this.#children[side].call('snapshot', {}, callTimeoutMs)),
    );
    return { listener, dialer };
  }

  async close() {
    await Promise.all(sides.map((side) => this.#children[side].end()));
  }
}

class Child {
  #process;
  #calls = new Map();
  #lastId = 0;
  #failure;
  onSignal = () => undefined;

  constructor([command, ...args]) {
    this.#process = spawn(command, args, { stdio: ['ignore', 2, 2, 'ipc'], serialization: 'advanced' });
    running.add(this.#process);
    this.#process.on('error', (error) => this.#fail(error));
    this.#process.on('exit', (code, signal) => {
      running.delete(this.#process);
      this.#fail(new Error(`a process ended with ${signal ?? `code ${code}`}`));
    });
    this.#process.on('message', ({ id, result, error, signal }) => {
      if (signal) this.onSignal(signal);
      else this.#settle(id, error && new Error(error), result);
    });
  }

  post(message) {
    if (this.#process.connected) this.#process.send(message, () => undefined);
  }

  call(name, argument, timeoutMs) {
    if (this.#failure) return Promise.reject(this.#failure);
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(id, new Error(`${name}: no answer in time`)), timeoutMs);
      this.#calls.set(id, { resolve, reject, timer });
      this.post({ id, call: name, argument });
    });
  }

  async end() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), endTimeoutMs);
    if (this.#process.connected) this.#process.disconnect();
    await ended;
    clearTimeout(timer);
  }

  #settle(id, error, result) {
    const call = this.#calls.get(id);
    if (!call) return;
    this.#calls.delete(id);
    clearTimeout(call.timer);
    if (error) call.reject(error);
    else call.resolve(result);
  }

  #fail(error) {
    this.#failure = error;
    for (const id of [...this.#calls.keys()]) this.#settle(id, error);
  }
}
