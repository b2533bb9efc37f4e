// Where things are: the comparison runs as dist/bench/compare/*.js, its C sources and results stay in the source tree.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder with package.json above this file. */
export const PROJECT = findProject();
export const FLOOR_SOURCES = join(PROJECT, 'bench/compare/floor');
export const RESULTS = join(PROJECT, 'bench/results');
export const PICTURE = join(PROJECT, 'docs/images/compare.svg');
export const UNLOOP = join(PROJECT, 'dist/src/cli/main.js');

function findProject(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) {
    if (folder === dirname(folder)) throw new Error(`no package.json above ${import.meta.dirname}`);
    folder = dirname(folder);
  }
  return folder;
}
