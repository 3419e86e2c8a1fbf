/** What people read of a run: a line a cell. */
import type { CellFindings } from './cell.js';

const nameWidth = 42;
const columns = [
  ['first ms', 'firstMessageMs'],
  ['direct ms', 'directMs'],
  ['back ms', 'recoveredMs'],
  ['rtt ms', 'rttMs'],
] as const;
const columnWidth = 10;

export const headLine = `${''.padEnd(8)}${'cell'.padEnd(nameWidth)}${'path'.padEnd(9)}${columns
  .map(([title]) => title.padStart(columnWidth))
  .join('')}`;

export function cellLine(name: string, findings: CellFindings): string {
  const mark = findings.problems.length === 0 ? 'ok' : 'FAILED';
  const figures = columns.map(([, key]) => (findings[key]?.toFixed(1) ?? '').padStart(columnWidth)).join('');
  const note = findings.note === undefined ? '' : `  ${findings.note}`;
  const line =
    `${mark.padEnd(8)}${name.padEnd(nameWidth)}${(findings.path ?? '').padEnd(9)}${figures}${note}`.trimEnd();
  return [line, ...findings.problems.map((problem) => `          ${problem}`)].join('\n');
}
