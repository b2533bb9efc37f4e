// The packages that a system is given: the released one, and the next version to upgrade to.
import { execFileSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { basename, join } from 'node:path';
import { buildPackage } from '../../../packaging/linux/build.ts';
import type { Format } from '../../../packaging/linux/package-tree.ts';
import { VERSION } from '../../../packaging/source.ts';
import { findRootFolder } from '../../../src/base/root-folder.ts';
import { releasedFile } from '../support/released.ts';

export const NEXT_VERSION = '99.0.0';

/** Puts both into a folder, with systemctl.mjs as `systemctl`. */
export function putPackages(folder: string, format: Format): void {
  execFileSync('npm', ['run', '--silent', 'prebuilds'], { cwd: findRootFolder(), stdio: 'pipe' });
  const name = format === 'deb' ? `unloop_${VERSION}-1_amd64.deb` : `unloop-${VERSION}-1.x86_64.rpm`;
  const released = releasedFile(name);
  if (released === null) buildPackage(folder, format, 'amd64');
  else cpSync(released, join(folder, basename(released)));
  buildPackage(folder, format, 'amd64', NEXT_VERSION);
  cpSync(join(import.meta.dirname, 'systemctl.mjs'), join(folder, 'systemctl'));
}
