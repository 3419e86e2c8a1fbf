import { expect, it } from '@jest/globals';
import { pino } from 'pino';
import { StatusLog } from './status-log.js';

it('passes a burst, then a rate, and tells of what was left out', () => {
  let nowMs = 1_000;
  const lines: string[] = [];
  const log = pino(
    { level: 'info' },
    { write: (line: string) => lines.push((JSON.parse(line) as { msg: string }).msg) },
  );
  const statusLog = new StatusLog(log, () => nowMs);
  const passed = (atMs: number, count: number): string[] => {
    nowMs = atMs;
    for (let i = 0; i < count; i += 1) statusLog.write('info', 'x');
    // Costs nothing, for nobody would read it.
    for (let i = 0; i < 100; i += 1) statusLog.write('debug', 'y');
    return lines.splice(0);
  };
  expect(passed(1_000, 200)).toHaveLength(200);
  expect(passed(1_000, 30)).toEqual([]);
  expect(passed(1_019, 1)).toEqual([]);
  expect(passed(1_020, 2)).toEqual(['31 Status Lines Left Out', 'x']);
  expect(passed(2_020, 100)).toHaveLength(51);
  expect(passed(100_000, 1_000)).toHaveLength(201);
});
