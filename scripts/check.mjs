// Every check besides the tests; runs them all, then fails if one did. The last line counts them.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root, setup } from './setup.mjs';

const bin = (name) => join(root, 'node_modules', '.bin', name);

const checks = [
  ['format', bin('prettier'), ['--check', '--log-level', 'warn', '.']],
  ['types', bin('tsc'), ['-b']],
  ['lint', bin('eslint'), ['--max-warnings', '0', '.']],
  [
    'layers',
    bin('depcruise'),
    ['--config', '.dependency-cruiser.mjs', '--output-type', 'err', 'packages/*/src', 'test/*.ts'],
  ],
  ['dead code', bin('knip'), []],
  ['generated files', process.execPath, ['scripts/generate-control-docs.mjs', '--check']],
];

setup();
let failed = 0;
for (const [name, command, args] of checks) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  process.stdout.write(`${status === 0 ? 'ok    ' : 'FAILED'} ${name}\n`);
  if (status !== 0) {
    failed += 1;
    process.stdout.write(`${stdout}${stderr}`);
  }
}
process.stdout.write(`checks: ${String(checks.length - failed)} passed, ${String(failed)} failed\n`);
process.exit(failed === 0 ? 0 : 1);
