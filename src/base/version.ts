// The version of this copy, from package.json. For --version, the log's first line and
// unloop_build_info. Read once, cold.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findRootFolder } from './root-folder.ts';

/** "0.1.0". */
export function readVersion(): string {
  const text = readFileSync(join(findRootFolder(), 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
