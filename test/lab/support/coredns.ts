// CoreDNS inside a namespace of the laboratory.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COREDNS_BINARY, ensureCoredns } from '../../../bench/compare/build-coredns.ts';
import type { Child } from '../../../src/base/child-process.ts';
import { labDirectory } from './lab-directory.ts';
import type { Namespace } from './namespace.ts';

const READY_WITHIN_MS = 15_000;

/** Starts CoreDNS with a Corefile and waits until it serves (or has ended: see hasEnded). */
export async function startCoredns(namespace: Namespace, corefile: string): Promise<Child> {
  ensureCoredns();
  const file = join(labDirectory(), 'Corefile');
  writeFileSync(file, corefile);
  const started = namespace.spawn(COREDNS_BINARY, ['-conf', file]);
  await started.until(() => started.hasEnded || started.said.includes('CoreDNS-') || null, READY_WITHIN_MS);
  return started;
}
