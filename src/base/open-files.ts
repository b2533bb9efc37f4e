// The limit on open files (ulimit -n), the first one that a server with sockets and threads
// reaches. Checked by `unloop run` before it does anything else, and by the code that reports a
// failed start.
import { readFileSync } from 'node:fs';
import { UnloopError } from './errors.ts';

/**
 * Below this not even one worker starts: Node.js alone needs about 20 descriptors, a worker about
 * 15.
 */
const LEAST_OPEN_FILES = 64;

/** Throws UNLOOP_TOO_FEW_FILES where this process cannot even start. */
export function refuseTooFewOpenFiles(procRoot = '/proc'): void {
  const limit = openFilesLimit(procRoot);
  if (limit < LEAST_OPEN_FILES) throw tooFewOpenFiles(`${limit} files may be open at once`);
}

/**
 * Replaces an EMFILE or ENFILE error by one that explains it; any other error is returned
 * unchanged.
 */
export function nameTooFewOpenFiles(error: unknown): unknown {
  const text = String((error as Error | null)?.message ?? error);
  return /\bE[MN]FILE\b/.test(text) ? tooFewOpenFiles(`too many open files (${text})`, error) : error;
}

function tooFewOpenFiles(message: string, cause?: unknown): UnloopError {
  return new UnloopError(
    'UNLOOP_TOO_FEW_FILES',
    `cannot start: ${message}`,
    'Raise ulimit -n to 1024 or more (systemd: LimitNOFILE=).',
    { cause },
  );
}

/** The soft limit, which Node.js has raised to the hard one; Infinity where it is not known. */
function openFilesLimit(procRoot: string): number {
  try {
    const soft = /^Max open files +(\d+)/m.exec(readFileSync(`${procRoot}/self/limits`, 'latin1'))?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
