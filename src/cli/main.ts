#!/usr/bin/env node
// The program. Everything is in dispatch; here only what belongs to the process: the arguments, the exit code, and
// readers that go away (`unloop help | head -1`).
import { dispatch } from './dispatch.ts';

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Nobody reads any more. Nothing is lost by going on; a server must.
    if (error.code !== 'EPIPE') throw error;
  });
}

// Not process.exit: what is still being written would be cut off.
process.exitCode = await dispatch(process.argv.slice(2));
