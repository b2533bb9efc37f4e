// `npm run executable`: unloop as one file in dist/executable/, for each architecture whose addon
// has been built (`npm run prebuilds`).
import { join } from 'node:path';
import { findRootFolder } from '../../src/base/root-folder.ts';
import { canPack } from '../linux/package-tree.ts';
import { buildExecutable } from './build.ts';

for (const architecture of ['amd64', 'arm64'] as const) {
  if (canPack(architecture)) {
    console.log(buildExecutable(join(findRootFolder(), 'dist/executable'), architecture));
  } else {
    console.log(`no executable for ${architecture}: its addon is not built (npm run prebuilds)`);
  }
}
