// Which unloop is packed: its version, and the commit that it is of.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findRootFolder } from '../src/base/root-folder.ts';

/** The one place that the version is written in; a guard compares the others (test/packaging). */
export const VERSION = (
  JSON.parse(readFileSync(join(findRootFolder(), 'package.json'), 'utf8')) as { version: string }
).version;

const git = (...args: string[]) =>
  execFileSync('git', args, { cwd: findRootFolder(), encoding: 'utf8' }).trim();

/** The commit that is checked out. */
export const revision = (): string => git('rev-parse', 'HEAD');

/**
 * When that commit was made, seconds since 1970: the time of every file that is packed, so that a
 * package made tomorrow is the same. SOURCE_DATE_EPOCH, where it is set.
 */
export const createdS = (): number =>
  Number(process.env.SOURCE_DATE_EPOCH ?? git('log', '-1', '--format=%ct'));
