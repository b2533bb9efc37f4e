#!/usr/bin/env node
// The program. Everything is in dispatch; here only what belongs to the process: the arguments, the
// exit code, readers that go away (`unloop help | head -1`), and a Node.js that is too old. The
// bundler keeps this file apart and translates it for Node.js 12, so that such a one can read it.
import type { UnloopError } from '../base/errors.ts';
import { nameTooFewOpenFiles } from '../base/open-files.ts';
import { tooOldNode } from './too-old-node.ts';

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

// Not process.exit: what is still being written would be cut off. No `await`: Node.js 12 has none
// here.
void begin(process.argv.slice(2)).then((exitCode) => {
  process.exitCode = exitCode;
});

async function begin(args: string[]): Promise<number> {
  const tooOld = tooOldNode(process.versions.node);
  return tooOld === null ? load(args) : report(tooOld);
}

/** Loads the rest, which takes more open files than `ulimit -n 20` grants. */
async function load(args: string[]): Promise<number> {
  try {
    const { dispatch } = await import('./dispatch.ts');
    return await dispatch(args);
  } catch (error) {
    const named = nameTooFewOpenFiles(error);
    if (named === error) throw error;
    return report(named as UnloopError);
  }
}

function report({ message, remedy }: Pick<UnloopError, 'message' | 'remedy'>): number {
  process.stderr.write(`unloop: ${message}\n  cure: ${remedy}\n`);
  return 1;
}
