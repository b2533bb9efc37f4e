// The package as it would be published: that of the release, or `npm pack` of this tree, with the
// addons of every architecture. Made once for each test file that asks.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VERSION } from '../../../packaging/source.ts';
import { findRootFolder } from '../../../src/base/root-folder.ts';
import { releasedFile } from './released.ts';

const ROOT = findRootFolder();

export interface Packed {
  readonly folder: string;
  /** The archive's name in the folder. */
  readonly file: string;
  readonly bytes: number;
  readonly paths: readonly string[];
  remove(): void;
}

/** Packs; the program itself was built before (npm run test:lab does). */
export function pack(): Packed {
  const folder = mkdtempSync(join(tmpdir(), 'unloop-packed-'));
  // Others than root install from it.
  chmodSync(folder, 0o755);
  const remove = () => rmSync(folder, { recursive: true });
  const file = `unloop-${VERSION}.tgz`;
  const released = releasedFile(file);
  if (released !== null) {
    cpSync(released, join(folder, file));
    const list = execFileSync('tar', ['-tzf', released], { encoding: 'utf8' });
    const paths = list
      .trim()
      .replaceAll(/^package\//gm, '')
      .split('\n');
    return { folder, file, bytes: statSync(released).size, paths, remove };
  }
  execFileSync('npm', ['run', '--silent', 'prebuilds', '--', '--all'], { cwd: ROOT, stdio: 'pipe' });
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const output = execFileSync('npm', args, { cwd: ROOT, stdio: 'pipe' }).toString();
  const [{ filename, size, files }] = JSON.parse(output) as [
    { filename: string; size: number; files: { path: string }[] },
  ];
  return { folder, file: filename, bytes: size, paths: files.map(({ path }) => path), remove };
}
