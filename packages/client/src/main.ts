/** The program mca: gives the terminal its process. */
import { exitCodes } from '@parley/protocol';
import { printable } from '@parley/text';
import { createClient, packageVersion } from './compose.js';
import { asParleyError, errorLine } from './terminal/error-lines.js';
import { pasteModeOff } from './terminal/keyboard.js';
import { runProgram, type EndSignal } from './terminal/program.js';
import { systemTimer } from './terminal/timer.js';

const endSignals: readonly EndSignal[] = ['SIGHUP', 'SIGINT', 'SIGTERM'];

function onSignal(listener: (signal: EndSignal) => void): void {
  for (const signal of endSignals) {
    // The second one finds its default again, and ends a program that hangs.
    process.once(signal, () => {
      listener(signal);
    });
  }
}

process.on('uncaughtException', (thrown) => {
  const stack = (thrown.stack ?? '').split('\n').map(printable);
  process.stderr.write([errorLine(asParleyError(thrown)), ...stack, ''].join('\n'));
  process.exit(exitCodes.ours);
});
// A terminal is given back as it was found, however the program ends.
process.on('exit', () => {
  if (!process.stdin.isTTY || !process.stdin.isRaw) return;
  process.stdin.setRawMode(false);
  process.stdout.write(pasteModeOff);
});

process.exit(
  await runProgram({
    argv: process.argv.slice(2),
    env: process.env,
    version: packageVersion(),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    timer: systemTimer,
    createClient,
    onSignal,
  }),
);
