// Makes a fresh clone ready, and a ready one stays untouched: installs when the lock file has changed since the last
// installation, builds when a source is newer than the last build. Runs before anything is installed, so it uses
// nothing but Node itself. `--force` builds in any case.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

// Kept where both go when somebody removes what they vouch for.
const installedStamp = join(root, 'node_modules', '.parley-installed');
const builtStamp = join(root, 'packages', 'protocol', 'dist', '.parley-built');

export function setup({ force = false } = {}) {
  checkNodeVersion();
  const lock = createHash('sha256')
    .update(process.version)
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (read(installedStamp) !== lock) {
    say('installing the packages (once; this takes a minute or two) …');
    run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], 'the packages could not be installed');
    writeFileSync(installedStamp, lock);
  }
  if (force || read(builtStamp) !== lock || newestSourceMs() > statSync(builtStamp).mtimeMs) {
    say('building …');
    const startedAt = new Date();
    run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b'], 'the build failed');
    mkdirSync(dirname(builtStamp), { recursive: true });
    writeFileSync(builtStamp, lock);
    // A source saved while the build ran counts as newer.
    utimesSync(builtStamp, startedAt, startedAt);
  }
}

function checkNodeVersion() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19)) return;
  fail(`Parley needs Node.js 20.19 or later, 22.12 or later, or 24 (this is ${process.version})`);
}

/** The newest change of anything the build reads; folders count too, for files that were removed. */
function newestSourceMs() {
  let newest = 0;
  const visit = (path) => {
    const stat = statSync(path);
    newest = Math.max(newest, stat.mtimeMs);
    if (!stat.isDirectory()) return;
    for (const name of readdirSync(path)) {
      if (name !== 'node_modules' && name !== 'dist') visit(join(path, name));
    }
  };
  for (const name of ['tsconfig.json', 'tsconfig.base.json', 'types']) visit(join(root, name));
  for (const name of readdirSync(join(root, 'packages'))) {
    for (const part of ['src', 'package.json', 'tsconfig.json', 'tsconfig.test.json']) {
      const path = join(root, 'packages', name, part);
      if (existsSync(path)) visit(path);
    }
  }
  visit(join(root, 'test', 'tsconfig.json'));
  for (const name of readdirSync(join(root, 'test'))) if (name !== 'dist') visit(join(root, 'test', name));
  return newest;
}

function run(command, args, problem) {
  // Its output goes to standard error: standard output belongs to the program that is being started.
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) fail(error ? `${problem}: ${error.message}` : problem);
}

function read(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

function say(text) {
  process.stderr.write(`parley: ${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(2);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) setup({ force: process.argv.includes('--force') });
