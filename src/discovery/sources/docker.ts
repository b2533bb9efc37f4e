// Docker's embedded DNS server, 127.0.0.11: the servers that it forwards to are in a comment of the
// container's resolv.conf, "# ExtServers: [192.0.2.1 host(192.0.2.2)]" (moby,
// daemon/libnetwork/internal/resolvconf). host(…): asked from the host's network, not from the
// container's. Called by all and search.
import { isIP } from 'node:net';
import { foundIn, plainEndpoint } from '../../base/endpoint.ts';
import { isLoopback } from '../loopback.ts';
import { parseResolvConf } from '../resolv-conf.ts';
import type { SourceContext, SourceFacts } from './source.ts';

/** Where Docker's server listens in each container of a user-defined network. */
export const DOCKER_STUB = '127.0.0.11';

/** The source: the comment's servers, if resolv.conf names Docker's stub. */
export async function readDockerSource({ files, resolvConf }: SourceContext): Promise<SourceFacts[]> {
  const text = await files.text(resolvConf);
  const { nameservers } = parseResolvConf(text, resolvConf);
  if (!nameservers.some(({ address }) => address === DOCKER_STUB)) return [];
  const list = /^#\s*ExtServers:\s*\[([^\]\n]*)\]/m.exec(text)?.[1] ?? '';
  const addresses = list
    .split(/[\s,]+/)
    .map((word) => /^host\((.*)\)$/.exec(word)?.[1] ?? word)
    // The host's loopback is out of reach here, and is not ours.
    .filter((word) => isIP(word) !== 0 && !isLoopback(word));
  const upstreams = addresses.map((address) => foundIn(resolvConf, plainEndpoint(address)));
  return upstreams.length === 0 ? [] : [{ source: 'docker', upstreams, zones: [] }];
}
