// unloop itself as a server to look into: where its configuration has it listen, and which servers
// it would ask on this node. Called by inspect when --config is given.
import type { Config, UpstreamAddress } from '../config/config.ts';
import { formatUpstream } from '../config/upstream-address.ts';
import { type DiscoverOptions, discoverUpstreams, rewriteConfigured } from '../discovery/discover.ts';
import type { DiscoveredServer, Notice } from '../discovery/discovery.ts';
import { canonicalAddress } from '../discovery/server-address.ts';
import { type Route, type Service, type Target, toTarget } from './service.ts';

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
  const read = async (zone: string, upstreams: 'auto' | readonly UpstreamAddress[]) => {
    const targets: Target[] = [];
    if (upstreams === 'auto') {
      const found = await discoverUpstreams(discovery);
      notices.push(...found.notices);
      targets.push(...found.servers.map(fromDiscovery));
      if (zone === '.') {
        for (const imported of found.zones) {
          routes.push({ zone: imported.suffix, targets: imported.servers.map(fromDiscovery), unknown: '' });
        }
      }
    } else {
      const found = await rewriteConfigured(upstreams, discovery);
      notices.push(...found.notices);
      for (const entry of found.upstreams) {
        targets.push(
          entry.kind === 'discovered'
            ? fromDiscovery(entry.server)
            : fromConfiguration(entry.upstream, configPath),
        );
      }
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

function fromDiscovery(server: DiscoveredServer): Target {
  return toTarget(server.address, server.port, server.source);
}

function fromConfiguration(upstream: UpstreamAddress, configPath: string): Target {
  const plain = toTarget(upstream.host, upstream.port, configPath);
  return upstream.transport === 'udp' ? plain : { ...plain, text: formatUpstream(upstream) };
}
