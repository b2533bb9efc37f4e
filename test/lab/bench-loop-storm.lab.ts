// `unloop bench --scenario loop-storm` with the built program, over both transports: it sees the
// loop and nobody else notices.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import type { StormReport } from '../../src/load/loop-storm.ts';

it.each(['udp', 'tcp'])('costs packets for the first queries only, over %s', async (proto) => {
  const program = new URL('../../dist/unloop/main.js', import.meta.url).pathname;
  const args = ['bench', '--scenario', 'loop-storm', '--proto', proto, '--duration', '1500ms', '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args]);
  const report = JSON.parse(stdout) as StormReport;
  expect(report.loop).toMatchObject({ sent: 150, answered: 150, rcodes: { SERVFAIL: 150 } });
  expect(report.loop.target).toMatch(new RegExp(`^${proto}://`));
  expect(report.reflected).toBeGreaterThan(0);
  expect(report.packetsPerQuery).toBeLessThan(1);
  expect(report.during).toMatchObject({
    answered: report.during.sent,
    rcodes: { NOERROR: report.during.sent },
  });
});
