// Notices that a configuration file has changed: written in place, replaced by rename, or swapped as a whole directory
// behind a symbolic link (how Kubernetes updates a ConfigMap). Main thread.
import { createHash } from 'node:crypto';
import { type FSWatcher, readFileSync, watch } from 'node:fs';
import { dirname } from 'node:path';

/** Changes within this time are one. */
const DEBOUNCE_MS = 200;
/** A look at the contents, for what the kernel does not tell of (symbolic links further up, network file systems). */
const POLL_MS = 2000;

export interface FileWatch {
  close(): void;
}

/** Calls onChange when the contents of any of the files have become others. A file that is gone for a moment is waited for. */
export function watchFiles(files: readonly string[], onChange: () => void): FileWatch {
  let known = digest(files);
  let debounce: NodeJS.Timeout | null = null;
  const look = () => {
    debounce = null;
    const now = digest(files);
    if (now === null || now === known) return;
    known = now;
    onChange();
  };
  const watchers: FSWatcher[] = [];
  for (const folder of new Set(files.map((file) => dirname(file)))) {
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

/** One text for the contents of all files; null when one cannot be read. */
function digest(files: readonly string[]): string | null {
  const hash = createHash('sha256');
  try {
    for (const file of files) hash.update(readFileSync(file)).update('\0');
  } catch {
    return null;
  }
  return hash.digest('hex');
}
