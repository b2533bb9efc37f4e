// A directory for the files of one test.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A directory that is gone after the test (or stays until the process ends, outside of one). */
export function scratchDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'unloop-lab-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  try {
    onTestFinished(remove);
  } catch {
    process.once('exit', remove);
  }
  return directory;
}
