// Directories for the files of the laboratory's servers: made as they are needed, removed when the
// laboratory closes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];

export function labDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'unloop-lab-'));
  made.push(directory);
  return directory;
}

export function removeLabDirectories(): void {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true });
}
