// The chart by chart-testing's rules. The program itself cannot be had from the Go module proxy, so
// its two parts run by themselves: yamllint, with the rules that `ct lint` gives it, and helm. What
// it asks of Chart.yaml is in test/packaging/chart.test.ts.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { VERSION } from '../../../packaging/source.ts';
import { goTool, pythonTool } from '../../../packaging/tools.ts';
import { findRootFolder } from '../../../src/base/root-folder.ts';
import { RELEASE_FOLDER } from '../support/released.ts';

const CHART = join(findRootFolder(), 'config/kubernetes/chart');
const NONE_INSIDE = { 'min-spaces-inside': 0, 'max-spaces-inside': 0 };
const RULES = {
  braces: NONE_INSIDE,
  brackets: NONE_INSIDE,
  colons: { 'max-spaces-before': 0, 'max-spaces-after': 1 },
  commas: { 'max-spaces-before': 0, 'min-spaces-after': 1, 'max-spaces-after': 1 },
  comments: { 'require-starting-space': true, 'min-spaces-from-content': 2 },
  'empty-lines': { max: 2, 'max-start': 0, 'max-end': 0 },
  hyphens: { 'max-spaces-after': 1 },
  indentation: { spaces: 'consistent', 'indent-sequences': 'whatever' },
  'key-duplicates': {},
  'new-line-at-end-of-file': {},
  'new-lines': { type: 'unix' },
  'trailing-spaces': {},
};

const said = (command: string, ...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  return { status, text: `${stdout}${stderr}` };
};

it('yamllint finds nothing in Chart.yaml and values.yaml', () => {
  const files = ['Chart.yaml', 'values.yaml'].map((name) => join(CHART, name));
  const configuration = JSON.stringify({ rules: RULES });
  expect(said(pythonTool('yamllint'), '--strict', '-d', configuration, ...files)).toEqual({
    status: 0,
    text: '',
  });
});

it.each(['sidecar', 'nodeLocal', 'clusterWide'])('helm lints the released chart, %s', (mode) => {
  const archive = join(RELEASE_FOLDER, `unloop-chart-${VERSION}.tgz`);
  const { status, text } = said(goTool('helm'), 'lint', '--strict', '--set', `mode=${mode}`, archive);
  expect(text).toContain('0 chart(s) failed');
  expect(status).toBe(0);
});
