// Notices that a configuration file has changed: written in place, replaced by rename, or swapped
// as a whole directory behind a symbolic link (how Kubernetes updates a ConfigMap). Main thread.
import { createHash } from 'node:crypto';
import { type FSWatcher, statSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import { readSmallFile } from './read-text-file.ts';

/** Changes within this time are one. */
const DEBOUNCE_MS = 200;
/**
 * A look at the contents, for what the kernel does not tell of (symbolic links further up, network
 * file systems).
 */
const POLL_MS = 2000;

export interface FileWatch {
  close(): void;
}

/** Files to watch. */
export interface WatchedFiles {
  readonly files: readonly string[];
  /** Those of them that need not be there. */
  readonly missing?: readonly string[];
}

/**
 * Calls onChange when the contents of any of the files have become others than `loaded`, what
 * digestFiles() said when they were loaded. A file that is gone for a moment is waited for.
 */
export function watchFiles(watched: WatchedFiles, loaded: string | null, onChange: () => void): FileWatch {
  let known = loaded;
  const look = () => {
    debounce = null;
    const now = digestFiles(watched);
    if (now === null || now === known) return;
    known = now;
    onChange();
  };
  // They may have changed between being loaded and now.
  let debounce: NodeJS.Timeout | null = setTimeout(look, DEBOUNCE_MS);
  const watchers: FSWatcher[] = [];
  for (const folder of new Set(watched.files.map((file) => dirname(file)))) {
    try {
      const watcher = watch(folder, () => {
        debounce ??= setTimeout(look, DEBOUNCE_MS);
      });
      // The folder is gone, or the system has no watches left: the poll remains.
      watcher.on('error', () => watcher.close());
      watchers.push(watcher);
    } catch {
      // As above.
    }
  }
  const poll = setInterval(look, POLL_MS);
  return {
    close() {
      clearInterval(poll);
      if (debounce !== null) clearTimeout(debounce);
      for (const watcher of watchers) watcher.close();
    },
  };
}

/** One text for the contents of all files; null when one is gone that has to be there. */
export function digestFiles({ files, missing = [] }: WatchedFiles): string | null {
  const hash = createHash('sha256');
  for (const file of files) {
    try {
      // What comes through a pipe comes once.
      if (statSync(file).isFIFO()) continue;
      hash.update(readSmallFile(file)).update('\0');
    } catch (error) {
      const { code } = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
      if (code === 'ENOENT' && !missing.includes(file)) return null;
      // Unreadable or too large: the reload that follows says so.
      hash.update(String((error as Error).message)).update('\0');
    }
  }
  return hash.digest('hex');
}
