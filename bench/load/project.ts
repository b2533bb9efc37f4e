// Where the repository is: the tool runs as bench/load/*.ts or as dist/bench/load/*.js.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder with package.json above this file. */
export const PROJECT = findProject();

function findProject(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) {
    if (folder === dirname(folder)) throw new Error(`no package.json above ${import.meta.dirname}`);
    folder = dirname(folder);
  }
  return folder;
}
