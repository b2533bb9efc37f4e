// Reads a secret from a file of its own (loop.clusterKeyFile, admin.tokenFile). Called by load.
import { dirname, resolve } from 'node:path';
import { readTextFile } from './read-text-file.ts';

/** A secret, or why there is none. */
export interface Secret {
  /** The file's path, absolute. */
  readonly file: string;
  readonly text: string;
  /** '': none. */
  readonly problem: string;
}

/** The first line of the file. A relative path starts at the configuration file's directory. */
export function readSecret(path: string, configPath: string | null): Secret {
  const file = resolve(configPath === null ? '.' : dirname(configPath), path);
  try {
    const text = readTextFile(file).split(/\r?\n/, 1)[0]!.trim();
    return { file, text, problem: text === '' ? `the first line of ${file} is empty` : '' };
  } catch (error) {
    return { file, text: '', problem: `cannot read ${file}: ${(error as Error).message}` };
  }
}
