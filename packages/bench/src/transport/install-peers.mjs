// Installs the packages of the peers into a folder of their own: only here, so that nobody else pays for them.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { peersFolder, requirePeer } from './peers/index.mjs';

const installTimeoutMs = 180_000;

/**
 * @param packages names and exact versions
 * @returns why they cannot be used, or undefined when they can
 */
export function install(packages) {
  const missing = Object.entries(packages).filter(([name, version]) => installedVersion(name) !== version);
  if (missing.length > 0) {
    mkdirSync(peersFolder, { recursive: true });
    const manifest = join(peersFolder, 'package.json');
    if (!existsSync(manifest)) writeFileSync(manifest, '{ "private": true }\n');
    const wanted = missing.map(([name, version]) => `${name}@${version}`);
    process.stderr.write(`installing ${wanted.join(', ')} for the benchmark …\n`);
    const args = ['install', '--save-exact', '--no-audit', '--no-fund', '--loglevel=error', ...wanted];
    const { status, error } = spawnSync('npm', args, {
      cwd: peersFolder,
      stdio: ['ignore', 2, 2],
      timeout: installTimeoutMs,
    });
    if (status !== 0) return `npm could not install it${error ? `: ${error.message}` : ''}`;
  }
  try {
    // A native part that does not fit this machine shows here.
    for (const name of Object.keys(packages)) requirePeer(name);
    return undefined;
  } catch (error) {
    return `it does not load: ${error.message.split('\n')[0]}`;
  }
}

function installedVersion(name) {
  const path = join(peersFolder, 'node_modules', name, 'package.json');
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).version : undefined;
}
