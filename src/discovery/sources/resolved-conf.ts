// systemd-resolved's configuration: resolved.conf and its drop-ins (resolved.conf(5)). Called by
// resolved-state and the doctor, who wants to know who wrote DNS=127.0.0.1.
import { posix } from 'node:path';
import { DEFAULT_PORTS, type FoundUpstream, foundIn, type Transport } from '../../base/endpoint.ts';
import { canonicalAddress } from '../../base/ip-address.ts';
import type { NodeFiles } from '../node-files.ts';
import { parseResolvedServer } from '../server-address.ts';
import { splitWords } from './source.ts';

/** DNSOverTLS=; '': nothing is said. */
export type OverTls = 'no' | 'opportunistic' | 'yes' | '';

/** Where it answers besides its stub. */
export interface ListenAddress {
  readonly address: string;
  readonly port: number;
}

export interface ResolvedConf {
  readonly dns: readonly FoundUpstream[];
  readonly fallbackDns: readonly FoundUpstream[];
  /** As written: '~' marks a routing domain. */
  readonly domains: readonly string[];
  readonly overTls: OverTls;
  /** '': not set, which means yes. */
  readonly stubListener: string;
  /** More addresses that it answers on (DNSStubListenerExtra=). */
  readonly stubListenerExtra: readonly ListenAddress[];
  /** The files that were read, in the order in which they count. */
  readonly paths: readonly string[];
}

/** In falling priority: a file hides those of the same name further down (systemd.syntax(7)). */
export const SYSTEMD_DIRECTORIES = [
  '/etc/systemd',
  '/run/systemd',
  '/usr/local/lib/systemd',
  '/usr/lib/systemd',
];

/** Reads resolved.conf and every resolved.conf.d drop-in. */
export async function readResolvedConf(files: NodeFiles): Promise<ResolvedConf> {
  const paths: string[] = [];
  let dns: WrittenServer[] = [];
  let fallbackDns: WrittenServer[] = [];
  let domains: string[] = [];
  let overTls: OverTls = '';
  let stubListener = '';
  let stubListenerExtra: ListenAddress[] = [];
  for (const path of await configurationPaths(files)) {
    const reading = await files.read(path);
    if (reading.kind !== 'text') continue;
    paths.push(path);
    for (const [key, value] of sectionAssignments(reading.text, 'Resolve')) {
      if (key === 'DNS') dns = extendServers(dns, value, path);
      else if (key === 'FallbackDNS') fallbackDns = extendServers(fallbackDns, value, path);
      else if (key === 'Domains') domains = value === '' ? [] : [...domains, ...splitWords(value)];
      else if (key === 'DNSOverTLS') overTls = parseOverTls(value);
      else if (key === 'DNSStubListener') stubListener = value;
      else if (key === 'DNSStubListenerExtra')
        stubListenerExtra = value === '' ? [] : [...stubListenerExtra, ...parseExtraListener(value)];
    }
  }
  const transport = transportOf(overTls);
  const read = (written: readonly WrittenServer[]) =>
    written.flatMap(({ text, path }) => parseServers(text, path, transport));
  return {
    dns: read(dns),
    fallbackDns: read(fallbackDns),
    domains,
    overTls,
    stubListener,
    stubListenerExtra,
    paths,
  };
}

/** The first main file there is, then the drop-ins sorted by their name alone. */
async function configurationPaths(files: NodeFiles): Promise<string[]> {
  const paths: string[] = [];
  for (const directory of SYSTEMD_DIRECTORIES) {
    const path = posix.join(directory, 'resolved.conf');
    if ((await files.read(path)).kind !== 'text') continue;
    paths.push(path);
    break;
  }
  const dropIns = new Map<string, string>();
  for (const directory of SYSTEMD_DIRECTORIES) {
    const folder = posix.join(directory, 'resolved.conf.d');
    for (const name of await files.list(folder)) {
      if (name.endsWith('.conf') && !dropIns.has(name)) dropIns.set(name, posix.join(folder, name));
    }
  }
  const names = [...dropIns.keys()].sort();
  return [...paths, ...names.map((name) => dropIns.get(name)!)];
}

/** The assignments of a section, in order; a line may go on after a backslash. */
export function sectionAssignments(text: string, wanted: string): [string, string][] {
  const assignments: [string, string][] = [];
  let section = '';
  for (const line of text.replace(/\\\r?\n/g, ' ').split(/\r?\n/)) {
    const header = /^\s*\[(.*)\]\s*$/.exec(line);
    if (header !== null) section = header[1]!;
    const assignment = /^\s*([A-Za-z]+)\s*=(.*)$/.exec(line);
    if (assignment !== null && section === wanted) assignments.push([assignment[1]!, assignment[2]!.trim()]);
  }
  return assignments;
}

/**
 * [udp:|tcp:]ADDRESS[:PORT], an IPv6 address with a port in brackets. TCP alone serves no resolver.
 */
function parseExtraListener(value: string): ListenAddress[] {
  const server = parseResolvedServer(value.replace(/^udp:/, ''));
  return server === null ? [] : [{ address: canonicalAddress(server.host), port: server.port }];
}

/** A list of servers as it stands in a file: how they are asked may follow further down. */
interface WrittenServer {
  readonly text: string;
  readonly path: string;
}

/** An empty assignment forgets what stood before. */
function extendServers(servers: readonly WrittenServer[], text: string, path: string): WrittenServer[] {
  return text === '' ? [] : [...servers, { text, path }];
}

/** The servers of a list in the form that resolved uses; invalid entries are left out. */
export function parseServers(value: string, path: string, transport: Transport): FoundUpstream[] {
  const upstreams: FoundUpstream[] = [];
  for (const word of splitWords(value)) {
    const endpoint = parseResolvedServer(word, transport);
    if (endpoint === null) continue;
    // To resolved both mean "the usual port", plain or over TLS as it is set to.
    const isUsual = endpoint.port === DEFAULT_PORTS.udp || endpoint.port === DEFAULT_PORTS.tls;
    upstreams.push(foundIn(path, isUsual ? { ...endpoint, port: DEFAULT_PORTS[transport] } : endpoint));
  }
  return upstreams;
}

/** `opportunistic` falls back to plain DNS, which is what we speak then. */
export function transportOf(overTls: OverTls): Transport {
  return overTls === 'yes' ? 'tls' : 'udp';
}

/** systemd's booleans, and "opportunistic". */
export function parseOverTls(value: string): OverTls {
  if (value === 'opportunistic') return 'opportunistic';
  const boolean = parseBoolean(value);
  return boolean === null ? '' : boolean ? 'yes' : 'no';
}

/** A boolean as systemd reads it; null if it is not one. */
export function parseBoolean(value: string): boolean | null {
  if (/^(1|yes|y|true|t|on)$/i.test(value)) return true;
  return /^(0|no|n|false|f|off)$/i.test(value) ? false : null;
}
