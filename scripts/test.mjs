// Sets up what is missing, then runs the tests; arguments go to Jest: `npm test -- packages/transport`.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root, setup } from './setup.mjs';

setup();
const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', jest, ...process.argv.slice(2)];
const { status } = spawnSync(process.execPath, flags, { cwd: root, stdio: 'inherit' });
process.exit(status ?? 1);
