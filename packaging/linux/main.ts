// `npm run packages`: the deb and rpm packages in dist/packages/, for each architecture whose addon
// has been built (`npm run prebuilds`).
import { join } from 'node:path';
import { findRootFolder } from '../../src/base/root-folder.ts';
import { buildPackage } from './build.ts';
import { canPack } from './package-tree.ts';

for (const architecture of ['amd64', 'arm64'] as const) {
  if (!canPack(architecture)) {
    console.log(`no package for ${architecture}: its addon is not built (npm run prebuilds)`);
    continue;
  }
  for (const format of ['deb', 'rpm'] as const) {
    console.log(buildPackage(join(findRootFolder(), 'dist/packages'), format, architecture));
  }
}
