// systemd-resolved's /run/systemd/resolve/resolv.conf: the real servers behind 127.0.0.53. The file
// has no syntax for a certificate name, and resolved leaves servers on other ports than 53 out of
// it: both are filled in from its state.
import { canonicalAddress } from '../server-address.ts';
import { type ResolvedState, readResolvedState } from './resolved-state.ts';
import { type FoundServer, readServerFiles, type SourceContext, type SourceFacts } from './source.ts';

export const RESOLVED_FILE = '/run/systemd/resolve/resolv.conf';

/**
 * The source: the file's servers, with ports and names from the state; the links' routing domains
 * as zones.
 */
export async function readResolvedFileSource(context: SourceContext): Promise<SourceFacts[]> {
  const facts = await readServerFiles(context.files, 'resolved-file', [RESOLVED_FILE]);
  if (facts.length === 0) return [];
  const state = await readResolvedState(context.files);
  return [
    { source: 'resolved-file', servers: completeServers(facts[0]!.servers, state), zones: state.zones },
  ];
}

/**
 * Gives each server of the file what resolved's state knows of it, adds those whose port the file
 * cannot say, and leaves out those that '~.' elsewhere overrules.
 */
function completeServers(written: readonly FoundServer[], state: ResolvedState): FoundServer[] {
  const completed: FoundServer[] = [];
  const preferred: FoundServer[] = [];
  const exclusive = new Set(state.servers.map((server) => canonicalAddress(server.address)));
  for (const server of written) {
    const key = canonicalAddress(server.address);
    const known = state.known.filter((candidate) => canonicalAddress(candidate.address) === key);
    const all = known.length === 0 ? [server] : known.map((match) => ({ ...match, path: server.path }));
    completed.push(...all);
    if (exclusive.has(key)) preferred.push(...all);
  }
  const writtenKeys = new Set(written.map((server) => canonicalAddress(server.address)));
  const unwritten = state.servers.filter(
    ({ address, port }) => port !== 0 && port !== 53 && !writtenKeys.has(canonicalAddress(address)),
  );
  completed.push(...unwritten);
  preferred.push(...unwritten);
  return state.isExclusive && preferred.length > 0 ? preferred : completed;
}
