// systemd-resolved's /run/systemd/resolve/resolv.conf: the real servers behind 127.0.0.53. The file
// has no syntax for a certificate name, and resolved leaves servers on other ports than 53 out of
// it: both are filled in from its state.
import { DEFAULT_PORTS, type FoundUpstream } from '../../base/endpoint.ts';
import { canonicalAddress } from '../../base/ip-address.ts';
import { type ResolvedState, readResolvedState } from './resolved-state.ts';
import { readServerFiles, type SourceContext, type SourceFacts } from './source.ts';

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
    {
      source: 'resolved-file',
      upstreams: completeServers(facts[0]!.upstreams, state),
      zones: state.zones,
    },
  ];
}

/**
 * Gives each server of the file what resolved's state knows of it, adds those whose port the file
 * cannot say, and leaves out those that '~.' elsewhere overrules.
 */
function completeServers(written: readonly FoundUpstream[], state: ResolvedState): FoundUpstream[] {
  const completed: FoundUpstream[] = [];
  const preferred: FoundUpstream[] = [];
  const exclusive = new Set(state.upstreams.map(addressOf));
  for (const server of written) {
    const address = addressOf(server);
    const known = state.known.filter((candidate) => addressOf(candidate) === address);
    const all =
      known.length === 0 ? [server] : known.map(({ endpoint }) => ({ endpoint, origin: server.origin }));
    completed.push(...all);
    if (exclusive.has(address)) preferred.push(...all);
  }
  const writtenAddresses = new Set(written.map(addressOf));
  const unwritten = state.upstreams.filter(
    (upstream) =>
      (state.isExclusive || !hasUsualPort(upstream)) && !writtenAddresses.has(addressOf(upstream)),
  );
  completed.push(...unwritten);
  preferred.push(...unwritten);
  return state.isExclusive && preferred.length > 0 ? preferred : completed;
}

function addressOf({ endpoint }: FoundUpstream): string {
  return canonicalAddress(endpoint.host);
}

function hasUsualPort({ endpoint }: FoundUpstream): boolean {
  return endpoint.port === DEFAULT_PORTS[endpoint.transport];
}
