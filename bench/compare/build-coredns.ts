// CoreDNS, built once from its Go module into a cache outside of the repository.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LAB_CACHE, LAB_PROGRAMS } from './lab-programs.ts';

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
