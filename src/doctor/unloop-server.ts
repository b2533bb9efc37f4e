// unloop itself as a server to look into: where its configuration has it listen, and which servers
// it would ask on this node. Called by inspect when --config is given.

import { type Endpoint, type FoundUpstream, formatEndpoint, isFromConfiguration } from '../base/endpoint.ts';
import { canonicalAddress } from '../base/ip-address.ts';
import type { Config } from '../config/config.ts';
import { discoverUpstreams, rewriteConfigured } from '../discovery/discover.ts';
import type { Discovery, Notice } from '../discovery/discovery.ts';
import type { DiscoverOptions } from '../discovery/search.ts';
import { type Route, type Service, type Target, targetOf, toTarget } from './service.ts';

/** unloop and what its discovery has to say. */
export interface UnloopServer {
  readonly service: Service;
  readonly notices: readonly Notice[];
}

/** Does what `unloop run` does with its upstreams, without running. */
export async function readUnloop(
  config: Config,
  configPath: string,
  options: Omit<DiscoverOptions, 'resolvConf' | 'rewriteLoopback' | 'listen'>,
): Promise<UnloopServer> {
  const { resolvConf, rewriteLoopback } = config.discovery;
  const discovery: DiscoverOptions = { ...options, resolvConf, rewriteLoopback, listen: config.listen };
  const notices: Notice[] = [];
  const routes: Route[] = [];
  const read = async (zone: string, upstreams: 'auto' | readonly Endpoint[]) => {
    const found: Discovery =
      upstreams === 'auto'
        ? await discoverUpstreams(discovery)
        : await rewriteConfigured(upstreams, discovery);
    notices.push(...found.notices);
    const targets = found.upstreams.map((upstream) => toTargetOf(upstream, configPath));
    // Zones of the stub are taken over for `auto` only.
    for (const imported of upstreams === 'auto' && zone === '.' ? found.zones : []) {
      routes.push({ zone: imported.suffix, targets: imported.upstreams.map(targetOf), unknown: '' });
    }
    const unknown = targets.length === 0 ? 'no usable server' : '';
    routes.push({ zone, targets, unknown });
  };
  await read('.', config.upstreams);
  for (const [suffix, zone] of Object.entries(config.zones)) await read(suffix, zone.upstreams);
  const service: Service = {
    role: 'unloop',
    place: 'node',
    listens: config.listen.map(({ host, port }) => ({
      address: host === 'localhost' ? '127.0.0.1' : canonicalAddress(host),
      port,
    })),
    ownZones: [],
    routes,
    isAssumed: false,
  };
  // Each list of upstreams tells the same of the same files.
  const distinct = new Map(notices.map((notice) => [notice.message, notice]));
  return { service, notices: [...distinct.values()] };
}

function toTargetOf(upstream: FoundUpstream, configPath: string): Target {
  const { endpoint } = upstream;
  if (!isFromConfiguration(upstream)) return targetOf(upstream);
  const plain = toTarget(endpoint.host, endpoint.port, configPath);
  return endpoint.transport === 'udp' ? plain : { ...plain, endpoint, text: formatEndpoint(endpoint) };
}
