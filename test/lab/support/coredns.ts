// CoreDNS inside a namespace of the laboratory.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COREDNS_BINARY, ensureCoredns } from '../../../bench/compare/build-coredns.ts';
import { labDirectory } from './lab-directory.ts';
import type { LabProcess } from './lab-process.ts';
import type { Namespace } from './namespace.ts';

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
