/** Measures in a process of its own. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { MeasurementName, measurements } from './measurements.js';

/** Young objects get so much and no more: else the process grows when V8 thinks fit, and not when something is kept. */
const flags = ['--expose-gc', '--max-semi-space-size=1'];
const program = fileURLToPath(new URL('program.js', import.meta.url));

/** @throws Error with what the process said, when it fails */
export function measured<Name extends MeasurementName>(
  name: Name,
  number: number,
): ReturnType<(typeof measurements)[Name]> {
  const argv = [...flags, program, name, String(number)];
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8', env: {} });
  if (status !== 0) throw new Error(`${name} failed: ${stderr}`);
  return JSON.parse(stdout) as ReturnType<(typeof measurements)[Name]>;
}
