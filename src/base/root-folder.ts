// Where this copy of unloop is installed, for files that are found at run time: package.json, the
// addon, the load tool. Read once, cold.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * The folder with package.json above this file, which runs as src/…/*.ts, as dist/src/…/*.js and as
 * dist/unloop/*.js.
 */
export function findRootFolder(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json')) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}
