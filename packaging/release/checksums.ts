// SHA256SUMS, as sha256sum writes and checks it.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FILE = 'SHA256SUMS';

/** Writes the checksums of all files of a folder, less those named. */
export function writeChecksums(folder: string, without: readonly string[]): void {
  const lines = readdirSync(folder)
    .filter((name) => name !== FILE && !without.includes(name))
    .sort()
    .map(
      (name) =>
        `${createHash('sha256')
          .update(readFileSync(join(folder, name)))
          .digest('hex')}  ${name}\n`,
    );
  writeFileSync(join(folder, FILE), lines.join(''));
}

/** Throws when a file is not what it was, and names it. */
export function checkChecksums(folder: string): void {
  const args = ['--check', '--strict', '--quiet', FILE];
  const { status, stdout, stderr } = spawnSync('sha256sum', args, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${folder}: ${stdout}${stderr}`);
}
