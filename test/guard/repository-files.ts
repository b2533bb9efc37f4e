// The files of this repository, for the guards: what is checked in or about to be.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** A file's text, by its path below the repository. */
export function readRepositoryFile(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/**
 * Paths of the files in these folders, however deep, whose names end so. '.' is the root alone, not
 * what is below.
 */
export function repositoryFiles(folders: readonly string[], endings: readonly string[]): string[] {
  return folders
    .flatMap((folder) => {
      const entries = readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: folder !== '.' });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
    })
    .filter((path) => endings.some((ending) => path.endsWith(ending)))
    .sort();
}
