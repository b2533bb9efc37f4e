// CoreDNS for the laboratory: built once from its Go module into a cache outside of the repository,
// and run inside a namespace.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LAB_CACHE, LAB_PROGRAMS } from '../../../bench/compare/lab-programs.ts';
import { labDirectory } from './lab-directory.ts';
import type { LabProcess } from './lab-process.ts';
import type { Namespace } from './namespace.ts';

export const COREDNS_VERSION = 'v1.15.0';
/** Building takes minutes, once for each version. */
const FOLDER = join(LAB_CACHE, `coredns-${COREDNS_VERSION}`);
/** The program, once ensureCoredns() has returned. */
export const COREDNS_BINARY = join(FOLDER, 'coredns');

/** Builds CoreDNS if it is not in the cache; needs Go and its module proxy. */
export function ensureCoredns(): void {
  if (existsSync(COREDNS_BINARY)) return;
  mkdirSync(FOLDER, { recursive: true });
  execFileSync('go', ['install', `github.com/coredns/coredns@${COREDNS_VERSION}`], {
    cwd: tmpdir(),
    env: { ...process.env, GOBIN: FOLDER, GOFLAGS: '-mod=mod' },
    stdio: 'inherit',
  });
  mkdirSync(LAB_PROGRAMS, { recursive: true });
  rmSync(join(LAB_PROGRAMS, 'coredns'), { force: true });
  symlinkSync(COREDNS_BINARY, join(LAB_PROGRAMS, 'coredns'));
}

/** Starts CoreDNS with a Corefile and waits until it serves (or has ended: see hasEnded). */
export async function startCoredns(namespace: Namespace, corefile: string): Promise<LabProcess> {
  ensureCoredns();
  const file = join(labDirectory(), 'Corefile');
  writeFileSync(file, corefile);
  const started = namespace.spawn(COREDNS_BINARY, ['-conf', file]);
  while (!started.hasEnded && !started.output.includes('CoreDNS-')) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return started;
}
