// The servers of one interface in a description of the network (netplan, cloud-init, networkd), and
// what a list of them means without systemd-resolved. Called by the sources that read them.
import { type FoundUpstream, plainEndpoint } from '../../base/endpoint.ts';
import type { FoundZone } from '../discovery.ts';
import { parseServers } from './resolved-conf.ts';
import { type SourceFacts, type SourceName, toSuffix } from './source.ts';

export interface NetworkScope {
  readonly path: string;
  /** As written: addresses, in resolved's spelling. */
  readonly servers: readonly string[];
  /** As written: '~' marks a routing domain. */
  readonly domains: readonly string[];
}

/**
 * One group of all scopes. Routing domains become zones; an interface that has some, and not '~.',
 * serves them only (systemd.network(5), Domains=). Search domains route nothing without resolved.
 */
export function factsOf(source: SourceName, scopes: readonly NetworkScope[]): SourceFacts[] {
  const upstreams: FoundUpstream[] = [];
  const zones: FoundZone[] = [];
  for (const { path, servers, domains } of scopes) {
    const found = parseServers(servers.join(' '), path, 'udp').map((one) => ({
      ...one,
      endpoint: plainEndpoint(one.endpoint.host, one.endpoint.port),
    }));
    if (found.length === 0) continue;
    const routes = domains.filter((domain) => domain.startsWith('~')).map((domain) => domain.slice(1));
    if (routes.length === 0 || routes.includes('.')) upstreams.push(...found);
    for (const suffix of routes.map(toSuffix)) {
      if (suffix !== '' && suffix !== '.') zones.push({ suffix, upstreams: found });
    }
  }
  return upstreams.length + zones.length === 0 ? [] : [{ source, upstreams, zones }];
}
