// Loads the addon of the one executable. dlopen(3) takes a file and no bytes: the main thread
// writes one, unlinks it and keeps it open. Then /proc/self/fd/N names it for all threads, and
// nothing is left on the disk, however the process ends. Called by native-addon; worker-handle
// tells threads.
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread, workerData } from 'node:worker_threads';
import { ADDON_FILE, readEmbedded } from '../base/own-files.ts';

/** Where the main thread has it, or why it has none. */
export interface EmbeddedAddon {
  /** Null: nowhere. */
  readonly path: string | null;
  readonly reason: string;
}

let placed: EmbeddedAddon | undefined;

/** Where it is. The main thread looks for a place once; others are told by `workerData`. */
export function embeddedAddon(): EmbeddedAddon {
  placed ??= isMainThread ? place() : (workerData as EmbeddedAddon);
  return placed;
}

/** The addon's functions, for this thread. Throws when the loader refuses the file. */
export function openAddon(path: string): unknown {
  const module = { exports: {} };
  process.dlopen(module, path);
  return module.exports;
}

/** TMPDIR comes first: it is what the administrator can set. */
function folders(): string[] {
  const { XDG_RUNTIME_DIR } = process.env;
  return [...new Set([tmpdir(), XDG_RUNTIME_DIR || '/dev/shm', '/dev/shm'])];
}

function place(): EmbeddedAddon {
  const reasons: string[] = [];
  for (const folder of folders()) {
    let fd = -1;
    try {
      fd = writeUnnamed(folder);
      const path = `/proc/self/fd/${fd}`;
      // Only loading it tells whether files there may be executed.
      openAddon(path);
      return { path, reason: `inside ${process.execPath}` };
    } catch (error) {
      if (fd >= 0) closeSync(fd);
      reasons.push(`${folder}: ${explain(error as NodeJS.ErrnoException)}`);
    }
  }
  const cure = 'mount a tmpfs without noexec, and name its folder in TMPDIR';
  return { path: null, reason: `no folder takes it as a file (${reasons.join('; ')}); ${cure}` };
}

/** Writes the addon into a file of ours alone, and returns its descriptor; the file has no name. */
function writeUnnamed(folder: string): number {
  const own = mkdtempSync(join(folder, 'unloop-'));
  try {
    const path = join(own, ADDON_FILE);
    writeFileSync(path, readEmbedded(ADDON_FILE), { mode: 0o600, flag: 'wx' });
    return openSync(path, 'r');
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

function explain({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'EROFS') return 'read-only';
  if (code === 'ENOENT') return 'not there';
  if (code === 'EACCES') return 'no right to write';
  if (code === 'ENOSPC') return 'full';
  // What the C library says where the kernel refuses pages that may be executed.
  if (message.includes('failed to map segment')) return 'mounted noexec';
  return message.split('\n', 1)[0]!;
}
