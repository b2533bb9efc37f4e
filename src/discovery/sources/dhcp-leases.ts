// DHCP leases: what the network said its servers are, the last resort if they are stored nowhere
// else. Formats: dhclient.leases(5), and the KEY=VALUE files of networkd and NetworkManager's own
// client.
import { isIP } from 'node:net';
import { posix } from 'node:path';
import { type FoundUpstream, foundIn, plainEndpoint } from '../../base/endpoint.ts';
import type { NodeFiles } from '../node-files.ts';
import { parseKeyValues, type SourceContext, type SourceFacts, splitWords } from './source.ts';

const DHCLIENT_DIRECTORIES = ['/var/lib/dhcp', '/var/lib/dhclient'];
const NETWORKD_LEASES = '/run/systemd/netif/leases';
const NETWORK_MANAGER_LEASES = '/var/lib/NetworkManager';

/** The source: one group per DHCP client. */
export async function readDhcpSource({ files, wallClockMs }: SourceContext): Promise<SourceFacts[]> {
  const groups: SourceFacts[] = [];
  for (const directory of DHCLIENT_DIRECTORIES) {
    const names = (await files.list(directory)).filter((name) => /^dhclient.*\.leases?$/.test(name));
    const paths = names.map((name) => posix.join(directory, name));
    groups.push(...(await readLeaseFiles(files, paths, wallClockMs)));
  }
  const links = (await files.list(NETWORKD_LEASES)).map((name) => posix.join(NETWORKD_LEASES, name));
  groups.push(...(await readLeaseFiles(files, links, wallClockMs)));
  groups.push(...(await readLeaseFiles(files, await newestLeases(files), wallClockMs)));
  return groups;
}

async function readLeaseFiles(
  files: NodeFiles,
  paths: readonly string[],
  wallClockMs: number,
): Promise<SourceFacts[]> {
  const upstreams: FoundUpstream[] = [];
  for (const path of paths) {
    for (const address of parseLease(await files.text(path), wallClockMs)) {
      upstreams.push(foundIn(path, plainEndpoint(address)));
    }
  }
  return upstreams.length === 0 ? [] : [{ source: 'dhcp', upstreams, zones: [] }];
}

/**
 * NetworkManager keeps the leases of networks long left: only the newest of an interface is of the
 * present one.
 */
async function newestLeases(files: NodeFiles): Promise<string[]> {
  const newest = new Map<string, { readonly path: string; readonly modifiedMs: number }>();
  for (const name of await files.list(NETWORK_MANAGER_LEASES)) {
    const interfaceName = /-([^-]+)\.lease$/.exec(name)?.[1];
    if (interfaceName === undefined) continue;
    const reading = await files.read(posix.join(NETWORK_MANAGER_LEASES, name));
    if (reading.kind !== 'text') continue;
    const known = newest.get(interfaceName);
    if (known === undefined || known.modifiedMs < reading.modifiedMs) newest.set(interfaceName, reading);
  }
  return [...newest.values()].map(({ path }) => path);
}

/** The servers of a lease file in either format; expired leases are left out. */
export function parseLease(text: string, wallClockMs: number): string[] {
  if (/^[ \t]*(lease6?|default-duid)\b/m.test(text)) return parseDhclientLeases(text, wallClockMs);
  const values = parseKeyValues(text);
  return splitWords(values.get('DNS') ?? values.get('domain_name_servers') ?? '').filter(isAddress);
}

/** dhclient appends: the last lease of an interface is the present one. */
function parseDhclientLeases(text: string, wallClockMs: number): string[] {
  const current = new Map<string, string[]>();
  for (const block of text.split(/^[ \t]*(?=lease6?\s*\{)/m)) {
    const interfaceName = /^[ \t]*interface\s+"([^"]+)"/m.exec(block)?.[1] ?? '';
    if (!/^[ \t]*lease/.test(block)) continue;
    const servers =
      /^[ \t]*option\s+(?:domain-name-servers|dhcp6\.name-servers)\s+([^;]+);/m.exec(block)?.[1] ?? '';
    const isLive = !isExpired(block, wallClockMs);
    current.set(
      interfaceName,
      isLive
        ? servers
            .split(',')
            .map((server) => server.trim())
            .filter(isAddress)
        : [],
    );
  }
  return [...current.values()].flat();
}

/** "expire 3 2026/11/25 08:00:00;" in UTC, or "expire epoch 1796976000;", or "expire never;". */
function isExpired(block: string, wallClockMs: number): boolean {
  const epoch = /^[ \t]*expire\s+epoch\s+(\d+)/m.exec(block);
  if (epoch !== null) return Number(epoch[1]) * 1000 < wallClockMs;
  const date = /^[ \t]*expire\s+\d\s+(\d{4})\/(\d\d)\/(\d\d)\s+(\d\d:\d\d:\d\d)/m.exec(block);
  if (date === null) return false;
  return Date.parse(`${date[1]}-${date[2]}-${date[3]}T${date[4]}Z`) < wallClockMs;
}

function isAddress(text: string): boolean {
  return isIP(text) !== 0;
}
