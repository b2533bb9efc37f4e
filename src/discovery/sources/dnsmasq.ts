// dnsmasq behind 127.0.0.1 or 127.0.1.1: it can tell its upstreams itself (CH TXT servers.bind),
// and its configuration says which of them serve one zone only (dnsmasq(8), --server,
// --resolv-file).
import { posix } from 'node:path';
import { endpointKey, type FoundUpstream, foundIn } from '../../base/endpoint.ts';
import type { FoundZone } from '../discovery.ts';
import type { NodeFiles } from '../node-files.ts';
import { parseDnsmasqServer } from '../server-address.ts';
import { readServerFiles, type SourceContext, type SourceFacts, toSuffix } from './source.ts';

const MAIN_FILES = ['/etc/dnsmasq.conf', '/run/NetworkManager/dnsmasq.conf'];
const DIRECTORIES = ['/etc/dnsmasq.d', '/etc/NetworkManager/dnsmasq.d', '/run/NetworkManager/dnsmasq.d'];
/** Debian's script has dnsmasq read this one where resolvconf is installed. */
const DEBIAN_RESOLV_FILE = '/run/dnsmasq/resolv.conf';
/** conf-file and conf-dir may name one another in a circle. */
const MAX_FILES = 64;

export interface DnsmasqConf {
  readonly upstreams: readonly FoundUpstream[];
  readonly zones: readonly FoundZone[];
  readonly resolvFiles: readonly string[];
}

/** The source: what the running dnsmasq says, then what its configuration says. */
export async function readDnsmasqSource(context: SourceContext): Promise<SourceFacts[]> {
  const conf = await readDnsmasqConf(context.files);
  const groups: SourceFacts[] = [];
  for (const stub of context.stubs) {
    const told = await askServers(context, stub);
    // servers.bind lists the servers of single zones among the others: those must not get every
    // name.
    const upstreams = told.filter((upstream) => !servesZoneOnly(upstream, conf));
    if (upstreams.length > 0) groups.push({ source: 'dnsmasq', upstreams, zones: conf.zones });
  }
  const files = await readServerFiles(context.files, 'dnsmasq', [...conf.resolvFiles, DEBIAN_RESOLV_FILE]);
  const upstreams = [...conf.upstreams, ...files.flatMap((group) => group.upstreams)];
  if (upstreams.length + conf.zones.length > 0)
    groups.push({ source: 'dnsmasq', upstreams, zones: conf.zones });
  return groups;
}

async function askServers(context: SourceContext, stub: string): Promise<FoundUpstream[]> {
  const upstreams: FoundUpstream[] = [];
  for (const text of (await context.askServersBind(stub, 53)) ?? []) {
    // "10.0.0.2#53 12 0": the server, how often it was asked, how often that failed.
    const endpoint = parseDnsmasqServer(text.split(' ')[0]!);
    if (endpoint !== null) upstreams.push(foundIn(`CH TXT servers.bind @${stub}`, endpoint));
  }
  return upstreams;
}

function servesZoneOnly({ endpoint }: FoundUpstream, conf: DnsmasqConf): boolean {
  const key = endpointKey(endpoint);
  const isSame = (other: FoundUpstream) => endpointKey(other.endpoint) === key;
  return !conf.upstreams.some(isSame) && conf.zones.some((zone) => zone.upstreams.some(isSame));
}

/** Reads dnsmasq's configuration where distributions keep it, and what it includes. */
export async function readDnsmasqConf(files: NodeFiles): Promise<DnsmasqConf> {
  const upstreams: FoundUpstream[] = [];
  const zones = new Map<string, FoundUpstream[]>();
  const resolvFiles: string[] = [];
  const pending = [...MAIN_FILES];
  for (const directory of DIRECTORIES) pending.push(...(await listConfiguration(files, directory)));
  const seen = new Set<string>();
  for (let path = pending.shift(); path !== undefined && seen.size < MAX_FILES; path = pending.shift()) {
    if (seen.has(path)) continue;
    seen.add(path);
    for (const [key, value] of parseAssignments(await files.text(path))) {
      if (key === 'resolv-file' && value.startsWith('/')) resolvFiles.push(value);
      else if (key === 'conf-file' && value.startsWith('/')) pending.push(value);
      else if (key === 'conf-dir') pending.push(...(await listConfiguration(files, value.split(',')[0]!)));
      else if (key === 'server') addServer(value, path, upstreams, zones);
    }
  }
  return {
    upstreams,
    zones: [...zones].map(([suffix, list]) => ({ suffix, upstreams: list })),
    resolvFiles,
  };
}

async function listConfiguration(files: NodeFiles, directory: string): Promise<string[]> {
  if (!directory.startsWith('/')) return [];
  // What package managers leave behind is not read by dnsmasq either.
  const names = (await files.list(directory)).filter((name) => !/\.dpkg-(dist|old|new)$|^#.*#$/.test(name));
  return names.map((name) => posix.join(directory, name));
}

/** `key=value` lines; a comment starts a line or follows white space. */
function parseAssignments(text: string): [string, string][] {
  const assignments: [string, string][] = [];
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*([a-z-]+)\s*=\s*(\S+)\s*$/.exec(line.replace(/(^|\s)#.*$/, ''));
    if (match !== null) assignments.push([match[1]!, match[2]!]);
  }
  return assignments;
}

/** `10.0.0.2#5353`, or `/corp.example/lab.example/10.1.0.2`: the latter for these zones only. */
function addServer(
  value: string,
  path: string,
  upstreams: FoundUpstream[],
  zones: Map<string, FoundUpstream[]>,
): void {
  const domains = value.startsWith('/') ? value.slice(1, value.lastIndexOf('/')).split('/') : null;
  const endpoint = parseDnsmasqServer(value.slice(value.lastIndexOf('/') + 1));
  if (endpoint === null) return;
  const upstream = foundIn(path, endpoint);
  if (domains === null) {
    upstreams.push(upstream);
    return;
  }
  for (const domain of domains) {
    const suffix = toSuffix(domain.replace(/^\*?\./, ''));
    if (suffix !== '' && suffix !== '.') zones.set(suffix, [...(zones.get(suffix) ?? []), upstream]);
  }
}
