/** The LAN as it is: a server in one network namespace, avahi and a client in another, two cables between them. */
import { spawn, spawnSync, type ChildProcessByStdio, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const msa = fileURLToPath(new URL('../../packages/server/bin/msa.js', import.meta.url));
const mca = fileURLToPath(new URL('../../packages/client/bin/mca.js', import.meta.url));

/** Why this cannot be tried here; undefined when it can. */
function obstacle(): string | undefined {
  for (const program of ['unshare', 'nsenter', 'ip', 'avahi-daemon', 'avahi-browse', 'dbus-daemon']) {
    if (spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0) return `${program} is not installed`;
  }
  const made = spawnSync('unshare', ['--net', '--mount', 'ip', 'link', 'add', 'lan0', 'type', 'veth']);
  return made.status === 0 ? undefined : 'no network namespace can be made here';
}

const missing = obstacle();
if (missing !== undefined) console.warn(`skipped: servers on the LAN, for ${missing}`);
const maybe = missing === undefined ? describe : describe.skip;

/** Namespaces last as long as the process that holds them. */
class Namespace {
  readonly #holder: ChildProcess;
  readonly #processes: ChildProcess[] = [];

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  /** With a /run of its own, where daemons have their sockets. */
  static async make(): Promise<Namespace> {
    const script = 'mount -t tmpfs tmpfs /run && ip link set lo up && echo ready && exec cat';
    const holder = spawn('unshare', ['--net', '--mount', 'sh', '-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(holder.stdout, 'data');
    return new Namespace(holder);
  }

  get pid(): string {
    return String(this.#holder.pid);
  }

  /** Runs a command to its end, and gives what it printed. */
  run(...command: string[]): string {
    const { status, stdout, stderr } = spawnSync('nsenter', this.#enter(command), {
      encoding: 'utf8',
      timeout: 20_000,
    });
    if (status !== 0) throw new Error(`${command.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  }

  start(...command: string[]): ChildProcessByStdio<null, Readable, Readable> {
    const child = spawn('nsenter', this.#enter(command), { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#processes.push(child);
    return child;
  }

  async end(): Promise<void> {
    for (const child of [...this.#processes.reverse(), this.#holder]) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'close');
    }
  }

  #enter(command: readonly string[]): string[] {
    return ['--target', this.pid, '--net', '--mount', '--', ...command];
  }
}

/** Until a process has printed what is waited for; jest's limit ends it. What comes later is let go. */
function printed(output: Readable, wanted: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    output.on('data', (chunk) => {
      text += String(chunk);
      if (wanted.test(text)) resolve();
    });
    output.on('end', () => {
      reject(new Error(`ended before ${String(wanted)} came: ${text}`));
    });
  });
}

maybe('a server on the LAN', () => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-lan-'));
  const namespaces: Namespace[] = [];
  let here: Namespace;
  let there: Namespace;

  beforeAll(async () => {
    here = await Namespace.make();
    there = await Namespace.make();
    namespaces.push(here, there);
    for (const [name, network] of [
      ['lan0', '192.0.2'],
      ['lan1', '198.51.100'],
    ] as const) {
      here.run('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', name, 'netns', there.pid);
      for (const [namespace, host] of [
        [here, '1'],
        [there, '2'],
      ] as const) {
        namespace.run('ip', 'address', 'add', `${network}.${host}/24`, 'dev', name);
        namespace.run('ip', 'link', 'set', name, 'up');
      }
    }
    await startAvahi(there, folder);
  });

  afterAll(async () => {
    for (const namespace of namespaces) await namespace.end();
    rmSync(folder, { recursive: true });
  });

  function startServer(name: string, ...flags: string[]) {
    const data = join(folder, name);
    const server = here.start(process.execPath, msa, '--json', '--bcrypt-cost', '4', '--data', data, ...flags);
    server.stderr.resume();
    return server;
  }

  /** What avahi knows, as `=;interface;protocol;name;type;domain;host;address;port;txt` lines. */
  function browse(): string[][] {
    const lines = there.run('avahi-browse', '--resolve', '--terminate', '--parsable', '_parley._tcp').split('\n');
    return lines.filter((line) => line.startsWith('=')).map((line) => line.split(';'));
  }

  async function browsed(wanted: (found: string[][]) => boolean): Promise<string[][]> {
    for (;;) {
      const found = browse();
      if (wanted(found)) return found;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  it('is seen by avahi on every link with the address there, and by c; and is gone when it stops', async () => {
    const server = startServer('one', '--port', '7420');
    await printed(server.stdout, /"ready"/);
    const found = await browsed((entries) => entries.length >= 2);
    const links = found.map(([, link, , name, type, , host, address, port]) => ({
      link,
      name,
      type,
      host,
      address,
      port,
    }));
    const common = { type: '_parley._tcp', host: expect.stringMatching(/^parley-[0-9a-f]{12}\.local$/), port: '7420' };
    const name = expect.stringMatching(/^Parley\\032on\\032/);
    expect(links.sort((a, b) => ((a.link ?? '') < (b.link ?? '') ? -1 : 1))).toEqual([
      { ...common, name, link: 'lan0', address: '192.0.2.1' },
      { ...common, name, link: 'lan1', address: '198.51.100.1' },
    ]);
    for (const entry of found) expect(entry[9]).toMatch(/"fp=[0-9A-F]{16}" "tls=1" "port=7420" "version=/);

    const kinds = there.run('avahi-browse', '--all', '--terminate', '--parsable');
    expect(kinds).toContain('_parley._tcp');

    const script = join(folder, 'script');
    writeFileSync(script, 'c\n');
    const listed = there.run(process.execPath, mca, '--json', '--home', join(folder, 'client'), '--script', script);
    const [result] = listed.split('\n').map((line) => JSON.parse(line || 'null') as unknown);
    expect(result).toMatchObject({
      command: 'c',
      ok: true,
      data: { servers: [{ name: expect.stringMatching(/^Parley on /), port: 7420 }] },
    });

    server.kill('SIGTERM');
    await once(server, 'close');
    expect(await browsed((entries) => entries.length === 0)).toEqual([]);
  });

  it('takes another name beside one with the same, and is not told of with --no-announce or on loopback', async () => {
    const first = startServer('two', '--port', '7420');
    await printed(first.stdout, /"ready"/);
    await browsed((entries) => entries.length >= 2);
    for (const [data, port, flags] of [
      ['three', '7430', []],
      ['four', '7440', ['--no-announce']],
      ['five', '7450', ['--host', '127.0.0.1']],
    ] as const) {
      await printed(startServer(data, '--port', port, ...flags).stdout, /"ready"/);
    }
    const found = await browsed((entries) => entries.length >= 4);
    const named = new Map(found.map((entry) => [entry[8], entry[3] ?? '']));
    expect([...named.keys()].sort()).toEqual(['7420', '7430']);
    expect(named.get('7430')).toBe(`${named.get('7420') ?? ''}\\032\\0402\\041`);
  });
});

/** A daemon of its own, that speaks on the bus of its own and with nobody else. */
async function startAvahi(namespace: Namespace, folder: string): Promise<void> {
  namespace.run('mkdir', '-p', '/run/dbus', '/run/avahi-daemon');
  const bus = join(folder, 'bus.conf');
  writeFileSync(
    bus,
    `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`,
  );
  const daemon = namespace.start('dbus-daemon', `--config-file=${bus}`, '--nofork', '--print-address');
  await printed(daemon.stdout, /unix:/);
  const config = join(folder, 'avahi.conf');
  writeFileSync(
    config,
    '[server]\nhost-name=there\nuse-ipv6=no\nuse-iff-running=no\n[publish]\ndisable-publishing=yes\n',
  );
  const avahi = namespace.start('avahi-daemon', '--no-drop-root', '--no-chroot', '--no-rlimits', '--file', config);
  await printed(avahi.stderr, /Server startup complete/);
}
