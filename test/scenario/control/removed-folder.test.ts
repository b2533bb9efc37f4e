// A server whose working directory is removed while it runs: its next worker starts all the same.
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { Child } from '../../../src/base/child-process.ts';
import { findRootFolder } from '../../../src/base/root-folder.ts';
import { scratchDirectory } from '../../kit/scratch-directory.ts';

it('a reload that needs new workers gets them', async () => {
  const [folder, configuration] = [scratchDirectory(), join(scratchDirectory(), 'unloop.yaml')];
  const configure = (workers: number) =>
    writeFileSync(
      configuration,
      `listen: ["127.0.0.1:0"]\nadmin: { listen: off }\nupstreams: [192.0.2.1]\nworkers: ${workers}\n`,
    );
  configure(1);
  const cwd = join(folder, 'removed');
  mkdirSync(cwd);
  const program = join(findRootFolder(), 'dist/unloop/main.js');
  const unloop = new Child([process.execPath, program, 'run', '--config', configuration], { cwd });
  onTestFinished(() => unloop.kill());
  await unloop.untilSaid('unloop is ready', 40_000);
  rmdirSync(cwd);
  configure(2);
  unloop.process.kill('SIGHUP');
  await unloop.untilSaid('configuration', 40_000);
  expect(unloop.said).not.toContain('UNLOOP_WORKER_FAILED');
  expect(unloop.said).toContain('"changes":["workers: 1 → 2"]');
});
