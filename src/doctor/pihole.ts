// Pi-hole 6 on the node: where it listens and its upstreams (/etc/pihole/pihole.toml; version 5 is
// read as the dnsmasq it is). Called by local-servers.
import type { NodeFiles } from '../discovery/node-files.ts';
import { parseDnsmasqServer } from '../discovery/server-address.ts';
import { toSuffix } from '../discovery/sources/source.ts';
import { type Route, type Service, type Target, toTarget } from './service.ts';
import { readToml } from './toml.ts';

const PATH = '/etc/pihole/pihole.toml';

/** Null when it is not installed. */
export async function readPihole(files: NodeFiles): Promise<Service | null> {
  const reading = await files.read(PATH);
  if (reading.kind !== 'text') return null;
  const values = readToml(reading.text);
  const upstreams = values.get('dns.upstreams');
  const source = upstreams === undefined ? PATH : `${PATH}:${upstreams.line}`;
  const port = Number(values.get('dns.port')?.texts[0] ?? 53);
  const routes: Route[] = [
    {
      zone: '.',
      targets: toTargets(upstreams?.texts ?? [], source),
      unknown: upstreams === undefined ? `${PATH} has no upstreams under [dns]` : '',
    },
    ...readReverseServers(values.get('dns.revServers')?.texts ?? []),
  ];
  const listens = ['0.0.0.0', '::'].map((address) => ({ address, port }));
  return {
    role: 'Pi-hole',
    place: 'node',
    listens,
    ownZones: [],
    routes: routes.filter(({ targets, unknown }) => targets.length > 0 || unknown !== ''),
    isAssumed: false,
  };
}

/** "10.0.0.2", "127.0.0.1#5335". */
function toTargets(texts: readonly string[], source: string): Target[] {
  const servers = texts.map(parseDnsmasqServer).filter((server) => server !== null);
  return servers.map(({ host, port }) => toTarget(host, port, source));
}

/** "true,192.168.0.0/24,192.168.0.1,lan": whether it is on, the network, its server, its domain. */
function readReverseServers(texts: readonly string[]): Route[] {
  return texts.flatMap((text) => {
    const [isOn, , server = '', domain = ''] = text.split(',').map((part) => part.trim());
    const zone = toSuffix(domain);
    return isOn === 'true' && zone !== '' && zone !== '.'
      ? [{ zone, targets: toTargets([server], PATH), unknown: '' }]
      : [];
  });
}
