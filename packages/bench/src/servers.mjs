// The three servers, each started alone on a free loopback port with nothing of this machine's own configuration.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { pinned } from './cores.mjs';

const startMs = 10_000;
const stopMs = 12_000;
const folder = mkdtempSync(join(tmpdir(), 'parley-bench-'));
const file = (relative) => fileURLToPath(new URL(relative, import.meta.url));

process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** As its users start it: with its log (to a file, at the default level), its limits and its bounds. */
async function msa({ maxClients, nodeOptions }) {
  const program = file('../../server/bin/msa.js');
  const options = ['--json', '--host', '127.0.0.1', '--port', '0', '--data', mkdtempSync(join(folder, 'data-'))];
  const line = ['--line-port', '0', '--line-max-users', String(maxClients)];
  const child = start([process.execPath, ...nodeOptions, program, ...options, ...line]);
  const ready = await firstLine(child);
  return running('msa, line service', 'line', child, JSON.parse(ready).line.port);
}

async function bare() {
  const child = start([process.execPath, file('./bare-relay.mjs')]);
  return running('bare node:net relay', 'line', child, JSON.parse(await firstLine(child)).port);
}

/** Debian's ngircd, in C. Its throttling is off (MaxPenaltyTime), and so are the lookups of names. */
async function ngircd({ maxClients }) {
  const program = ['ngircd', '/usr/sbin/ngircd'].find((path) => spawnSync(path, ['--version']).status === 0);
  if (program === undefined) {
    process.stderr.write('ngircd is not installed and left out; on Debian: apt-get install ngircd\n');
    return undefined;
  }
  const version = /ngIRCd ([\d.]+)/i.exec(spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout)?.[1] ?? '';
  const port = await freePort();
  const config = join(folder, 'ngircd.conf');
  writeFileSync(
    config,
    `[Global]
Name = bench.example.net
Info = benchmark
AdminInfo1 = benchmark
AdminEMail = bench@example.net
Listen = 127.0.0.1
Ports = ${port}
MotdPhrase = "benchmark"
[Limits]
MaxConnections = ${maxClients}
MaxConnectionsIP = 0
MaxPenaltyTime = 0
[Options]
DNS = no
Ident = no
PAM = no
IncludeDir = ${folder}/no-such-folder
`,
  );
  const child = start([program, '--nodaemon', '--config', config]);
  await listening(port, child);
  return running(`ngircd ${version}`, 'irc', child, port);
}

/** @type the servers by name; each gives undefined where it cannot run, and says why */
export const servers = { msa, ngircd, bare };

function start(command) {
  const log = openSync(join(folder, 'server.log'), 'a');
  const child = spawn(...pinned('server', command), { stdio: ['pipe', 'pipe', log] });
  closeSync(log);
  return child;
}

function running(title, dialect, child, port) {
  const ended = once(child, 'exit');
  return {
    title,
    dialect,
    port,
    pid: child.pid,
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

async function firstLine(child) {
  const lines = createInterface({ input: child.stdout });
  const line = once(lines, 'line').then(([text]) => text);
  const failed = once(child, 'exit').then(([code]) => Promise.reject(new Error(`a server ended with ${code}`)));
  failed.catch(() => undefined);
  return Promise.race([line, failed]);
}

async function listening(port, child) {
  child.stdout.resume();
  const deadline = performance.now() + startMs;
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const isThere = await new Promise((resolve) => {
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    });
    socket.destroy();
    if (isThere) return;
    if (child.exitCode !== null || performance.now() > deadline) throw new Error('ngircd did not start');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}
