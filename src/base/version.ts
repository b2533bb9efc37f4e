// The version of this copy, from package.json. For --version, the log's first line and
// unloop_build_info. Read once, cold.
import { readManifest } from './own-files.ts';

/** "0.1.0". */
export function readVersion(): string {
  return (JSON.parse(readManifest()) as { version: string }).version;
}
