// `npm run test:packages` installs the files of a release, which `npm run release -- --dry-run`
// made and which were checked against SHA256SUMS before the first test (verify-release.ts). The
// laboratory makes what it needs of the tree.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findRootFolder } from '../../../src/base/root-folder.ts';

export const RELEASE_FOLDER = join(findRootFolder(), 'dist/release');

/** The path of a released file; null in the laboratory. */
export function releasedFile(name: string): string | null {
  if (process.env.PACKAGES_MATRIX !== 'all') return null;
  const path = join(RELEASE_FOLDER, name);
  if (!existsSync(path)) throw new Error(`${path} is not there: npm run release -- --dry-run`);
  return path;
}
