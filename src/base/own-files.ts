// unloop's own files at run time: in its folder, or, where it is one executable (Node.js's SEA,
// packaging/executable), inside it. The one place that knows both. Read seldom, cold.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getAsset, isSea } from 'node:sea';
import { findRootFolder } from './root-folder.ts';

/** What is inside the executable, by name; packaging/executable/build.ts puts it there. */
export const ADDON_FILE = 'batch-socket.node';
export const MANIFEST_FILE = 'package.json';
export const WORKER_FILE = 'worker.js';

/** Whether this program is one executable with everything inside. */
export const isOneFile: boolean = isSea();

/** A file inside the executable. */
export const readEmbedded = (name: string): Uint8Array => new Uint8Array(getAsset(name));

export const readManifest = (): string =>
  isOneFile ? getAsset(MANIFEST_FILE, 'utf8') : readFileSync(join(findRootFolder(), MANIFEST_FILE), 'utf8');

/** The code of a worker thread, as a script. Only in the executable. */
export const readWorkerScript = (): string => getAsset(WORKER_FILE, 'utf8');

/** The command that starts this copy of unloop. */
export const ownCommand = (): readonly string[] =>
  isOneFile ? [process.execPath] : [process.execPath, join(findRootFolder(), 'dist/unloop/main.js')];
