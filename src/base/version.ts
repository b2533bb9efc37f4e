// The version of this copy, from package.json. For --version, the log's first line and unloop_build_info. Read once, cold.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** "0.1.0". */
export function readVersion(): string {
  // Up from src/base/*.ts or dist/src/base/*.js to the folder that holds package.json.
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && folder !== dirname(folder)) folder = dirname(folder);
  const text = readFileSync(join(folder, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
