// Finds `unloop bench`, which lies outside of the bundle: it is a tool of its own, and a small copy (the image) comes
// without it. Called by dispatch, through the table of commands.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UnloopError } from '../base/errors.ts';
import { findRootFolder } from '../base/root-folder.ts';
import type { CommandModule } from './commands.ts';

/** Rejects with UNLOOP_COMMAND_UNAVAILABLE where it is not there. */
export async function loadBench(): Promise<CommandModule> {
  const isSource = import.meta.url.endsWith('.ts');
  const path = join(findRootFolder(), isSource ? 'bench/load/main.ts' : 'dist/bench/load/main.js');
  if (!existsSync(path))
    throw new UnloopError(
      'UNLOOP_COMMAND_UNAVAILABLE',
      'this copy of unloop comes without the command "bench"',
      'Use a full build: `npm ci` in a clone of the repository makes one.',
    );
  return (await import(pathToFileURL(path).href)) as CommandModule;
}
