#!/usr/bin/env node
// The program. Everything is in dispatch; here only what belongs to the process: the arguments, the
// exit code, and readers that go away (`unloop help | head -1`).
import type { UnloopError } from '../base/errors.ts';
import { nameTooFewOpenFiles } from '../base/open-files.ts';

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // The reader is gone. Nothing is lost by continuing, and a server must continue.
    if (error.code === 'EPIPE' || stream === process.stderr) return;
    // As of a full disk: what was found out is lost, and an exit code of 0 or 1 would tell a
    // finding.
    process.stderr.write(`unloop: cannot write the output: ${error.message}\n`);
    process.exit(2);
  });
}

// Not process.exit: what is still being written would be cut off.
process.exitCode = await begin(process.argv.slice(2));

/** Loads the rest, which takes more open files than `ulimit -n 20` grants. */
async function begin(args: string[]): Promise<number> {
  try {
    const { dispatch } = await import('./dispatch.ts');
    return await dispatch(args);
  } catch (error) {
    const named = nameTooFewOpenFiles(error);
    if (named === error) throw error;
    const { message, remedy } = named as UnloopError;
    process.stderr.write(`unloop: ${message}\n  cure: ${remedy}\n`);
    return 1;
  }
}
