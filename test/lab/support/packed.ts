// The package as it would be published: `npm pack` of this tree, with the addons of every
// architecture. Made once for each test file that asks.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

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
  execFileSync('npm', ['run', '--silent', 'prebuilds', '--', '--all'], { cwd: ROOT, stdio: 'pipe' });
  const folder = mkdtempSync(join(tmpdir(), 'unloop-packed-'));
  // Others than root install from it.
  chmodSync(folder, 0o755);
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const output = execFileSync('npm', args, { cwd: ROOT, stdio: 'pipe' }).toString();
  const [{ filename, size, files }] = JSON.parse(output) as [
    { filename: string; size: number; files: { path: string }[] },
  ];
  return {
    folder,
    file: filename,
    bytes: size,
    paths: files.map(({ path }) => path),
    remove: () => rmSync(folder, { recursive: true }),
  };
}
