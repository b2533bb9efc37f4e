// networkd's *.network files (systemd.network(5), DNS= and Domains= of [Network]), those that
// netplan generates into /run/systemd/network among them: for machines where networkd keeps no
// state to read. Called by all.
import { posix } from 'node:path';
import { factsOf, type NetworkScope } from './network-scopes.ts';
import { SYSTEMD_DIRECTORIES, sectionAssignments } from './resolved-conf.ts';
import { type SourceContext, type SourceFacts, splitWords } from './source.ts';

/** The source: the servers of all files. A file hides those of its name in later directories. */
export async function readNetworkdFilesSource({ files }: SourceContext): Promise<SourceFacts[]> {
  const paths = new Map<string, string>();
  for (const directory of SYSTEMD_DIRECTORIES) {
    const folder = posix.join(directory, 'network');
    for (const name of await files.list(folder)) {
      if (name.endsWith('.network') && !paths.has(name)) paths.set(name, posix.join(folder, name));
    }
  }
  const scopes: NetworkScope[] = [];
  for (const name of [...paths.keys()].sort()) {
    const path = paths.get(name)!;
    const assignments = sectionAssignments(await files.text(path), 'Network');
    scopes.push({ path, servers: wordsOf(assignments, 'DNS'), domains: wordsOf(assignments, 'Domains') });
  }
  return factsOf('networkd', scopes);
}

/** An empty assignment forgets what stood before (systemd.syntax(7)). */
function wordsOf(assignments: readonly [string, string][], wanted: string): string[] {
  let words: string[] = [];
  for (const [key, value] of assignments) {
    if (key === wanted) words = value === '' ? [] : [...words, ...splitWords(value)];
  }
  return words;
}
