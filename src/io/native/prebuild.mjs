// Compiles the addons that the package brings, so that an install needs no compiler and runs no
// script: prebuilds/linux-ARCH/batch-socket.node. `npm pack` runs it; docs/adr/0026-one-package.md
// says why one file for each architecture is enough. A compiler that is not there is an error with
// --all, and otherwise a line: what was packed runs on node:dgram on that architecture.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileAddon } from './build.mjs';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** By architecture: Debian's compiler for it, and the package that has it. */
const TARGETS = {
  x64: { compiler: 'x86_64-linux-gnu-gcc', package: 'gcc-x86-64-linux-gnu libc6-dev-amd64-cross' },
  arm64: { compiler: 'aarch64-linux-gnu-gcc', package: 'gcc-aarch64-linux-gnu libc6-dev-arm64-cross' },
};

// No C library is linked, so that none is asked for by name or version: the process has one, glibc
// or musl, and what is used of it (sockets, memory) is the same in both.
const FLAGS = ['-nostdlib', '-s'];

for (const [name, { compiler, package: debianPackage }] of Object.entries(TARGETS)) {
  const target = join(root, 'prebuilds', `linux-${name}`, 'batch-socket.node');
  const compilers = name === process.arch ? ['cc', 'gcc', compiler] : [compiler];
  const reason = compileAddon(compilers, target, FLAGS);
  if (reason === '') continue;
  console.error(`unloop: no addon for linux-${name} in this package: ${reason}`);
  console.error(`  cure: on Debian, apt-get install ${debianPackage}`);
  if (process.argv.includes('--all')) process.exitCode = 1;
}
