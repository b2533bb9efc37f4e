// The chart as a file, for `helm push` and `helm install`.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findRootFolder } from '../../src/base/root-folder.ts';
import { VERSION } from '../source.ts';
import { goTool } from '../tools.ts';

/** Writes the chart into a folder; its name there says that it is the chart, not npm's package. */
export function packChart(folder: string): string {
  const work = mkdtempSync(join(tmpdir(), 'unloop-chart-'));
  try {
    const chart = join(findRootFolder(), 'config/kubernetes/chart');
    execFileSync(goTool('helm'), ['package', chart, '--destination', work], { stdio: 'pipe' });
    const path = join(folder, `unloop-chart-${VERSION}.tgz`);
    cpSync(join(work, `unloop-${VERSION}.tgz`), path);
    return path;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
