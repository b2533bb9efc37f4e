// Where things are: the comparison runs as dist/bench/compare/*.js, its C sources and results stay
// in the source tree.
import { join } from 'node:path';
import { findRootFolder } from '../../src/base/root-folder.ts';

export const PROJECT = findRootFolder();
export const FLOOR_SOURCES = join(PROJECT, 'bench/compare/floor');
export const RESULTS = join(PROJECT, 'bench/results');
export const PICTURE = join(PROJECT, 'docs/images/compare.svg');
export const README = join(PROJECT, 'README.md');
export const UNLOOP = join(PROJECT, 'dist/unloop/main.js');
