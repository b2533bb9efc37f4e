// dnsmasq behind 127.0.0.1 or 127.0.1.1: it can tell its upstreams itself (CH TXT servers.bind),
// and its configuration says which of them serve one zone only (dnsmasq(8), --server,
// --resolv-file).
import { posix } from 'node:path';
import type { NodeFiles } from '../node-files.ts';
import { canonicalAddress, parseDnsmasqServer } from '../server-address.ts';
import {
  type FoundServer,
  type FoundZone,
  readServerFiles,
  type SourceContext,
  type SourceFacts,
  toSuffix,
} from './source.ts';

const MAIN_FILES = ['/etc/dnsmasq.conf', '/run/NetworkManager/dnsmasq.conf'];
const DIRECTORIES = ['/etc/dnsmasq.d', '/etc/NetworkManager/dnsmasq.d', '/run/NetworkManager/dnsmasq.d'];
/** Debian's script has dnsmasq read this one where resolvconf is installed. */
const DEBIAN_RESOLV_FILE = '/run/dnsmasq/resolv.conf';
/** conf-file and conf-dir may name one another in a circle. */
const MAX_FILES = 64;

export interface DnsmasqConf {
  readonly servers: readonly FoundServer[];
  readonly zones: readonly FoundZone[];
  readonly resolvFiles: readonly string[];
}

/** The source: what the running dnsmasq says, then what its configuration says. */
export async function readDnsmasqSource(context: SourceContext): Promise<SourceFacts[]> {
  const conf = await readDnsmasqConf(context.files);
  const groups: SourceFacts[] = [];
  for (const stub of context.stubs) {
    const servers = await askServers(context, stub);
    // servers.bind lists the servers of single zones among the others: those must not get every
    // name.
    const general = servers.filter((server) => !servesZoneOnly(server, conf));
    if (general.length > 0) groups.push({ source: 'dnsmasq', servers: general, zones: conf.zones });
  }
  const files = await readServerFiles(context.files, 'dnsmasq', [...conf.resolvFiles, DEBIAN_RESOLV_FILE]);
  const servers = [...conf.servers, ...files.flatMap((group) => group.servers)];
  if (servers.length + conf.zones.length > 0) groups.push({ source: 'dnsmasq', servers, zones: conf.zones });
  return groups;
}

async function askServers(context: SourceContext, stub: string): Promise<FoundServer[]> {
  const servers: FoundServer[] = [];
  for (const text of (await context.askServersBind(stub, 53)) ?? []) {
    // "10.0.0.2#53 12 0": the server, how often it was asked, how often that failed.
    const server = parseDnsmasqServer(text.split(' ')[0]!);
    if (server !== null) servers.push({ ...server, overTls: '', path: `CH TXT servers.bind @${stub}` });
  }
  return servers;
}

function servesZoneOnly(server: FoundServer, conf: DnsmasqConf): boolean {
  const isSame = (other: FoundServer) =>
    canonicalAddress(other.address) === canonicalAddress(server.address) &&
    (other.port || 53) === (server.port || 53);
  return !conf.servers.some(isSame) && conf.zones.some((zone) => zone.servers.some(isSame));
}

/** Reads dnsmasq's configuration where distributions keep it, and what it includes. */
export async function readDnsmasqConf(files: NodeFiles): Promise<DnsmasqConf> {
  const servers: FoundServer[] = [];
  const zones = new Map<string, FoundServer[]>();
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
      else if (key === 'server') addServer(value, path, servers, zones);
    }
  }
  return { servers, zones: [...zones].map(([suffix, list]) => ({ suffix, servers: list })), resolvFiles };
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
  servers: FoundServer[],
  zones: Map<string, FoundServer[]>,
): void {
  const domains = value.startsWith('/') ? value.slice(1, value.lastIndexOf('/')).split('/') : null;
  const address = parseDnsmasqServer(value.slice(value.lastIndexOf('/') + 1));
  if (address === null) return;
  const server: FoundServer = { ...address, overTls: '', path };
  if (domains === null) {
    servers.push(server);
    return;
  }
  for (const domain of domains) {
    const suffix = toSuffix(domain.replace(/^\*?\./, ''));
    if (suffix !== '' && suffix !== '.') zones.set(suffix, [...(zones.get(suffix) ?? []), server]);
  }
}
