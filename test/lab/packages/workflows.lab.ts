// The workflows by two programs that know GitHub's: actionlint (are they right?) and zizmor (are
// they safe?). The chart, as helm packs it.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { packChart } from '../../../packaging/release/chart.ts';
import { goTool, pythonTool } from '../../../packaging/tools.ts';

const said = (command: string, ...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  return { status, text: `${stdout}${stderr}` };
};

it('actionlint finds nothing in the workflows', () => {
  expect(said(goTool('actionlint'), '-shellcheck=', '-pyflakes=')).toEqual({ status: 0, text: '' });
});

it('zizmor finds nothing in the workflows', () => {
  const { status, text } = said(pythonTool('zizmor'), '--offline', '--no-progress', '.github/workflows');
  expect(text).toContain('No findings to report');
  expect(status).toBe(0);
});

it('the packed chart is without fault, and refuses a setting that unloop does not know', () => {
  const folder = mkdtempSync(join(tmpdir(), 'unloop-chart-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const chart = packChart(folder);
  const lint = said(goTool('helm'), 'lint', '--strict', chart);
  expect(lint.text).toContain('0 chart(s) failed');
  expect(lint.status).toBe(0);
  const typo = said(goTool('helm'), 'template', 'x', chart, '--set', 'config.cahe.maxEntries=1');
  expect(typo.status).not.toBe(0);
  expect(typo.text).toMatch(/cahe/);
});
