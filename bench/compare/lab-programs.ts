// Today's versions of the peers, where the laboratory has unpacked or built them
// (today.ts, build-coredns.ts).
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** What the laboratory keeps for its next run, outside the repository. */
export const LAB_CACHE =
  process.env.UNLOOP_LAB_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'unloop-lab');

/**
 * Its programs by name. Those from Debian sid need root to start, and some milliseconds to enter
 * the root they are unpacked in.
 */
export const LAB_PROGRAMS = join(LAB_CACHE, 'bin');

/** The laboratory's program of this name if it is there and may start, else the installed one. */
export function peerProgram(name: string): string {
  const path = join(LAB_PROGRAMS, name);
  return process.getuid?.() === 0 && existsSync(path) ? path : name;
}
