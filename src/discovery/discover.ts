// Finds the machine's upstream servers: those of resolv.conf, with loopback stubs and our own
// addresses replaced by what is behind them. Called by the control plane at start and reload, by
// watch, and by the doctor.
import type { ListenAddress, UpstreamAddress } from '../config/config.ts';
import type { DiscoveredServer, DiscoveredZone, Discovery, Notice } from './discovery.ts';
import { type InterfaceAddress, readInterfaceAddresses } from './loopback.ts';
import { NodeFiles } from './node-files.ts';
import * as say from './notices.ts';
import {
  dedupeServers,
  findReplacement,
  isSameSet,
  judgeServer,
  type Replacement,
  type Surroundings,
  type Verdict,
} from './replacement.ts';
import { type ResolvConf, readResolvConf } from './resolv-conf.ts';
import { formatEndpoint } from './server-address.ts';
import { askServersBind } from './sources/servers-bind.ts';
import type { FoundServer, FoundZone, SourceContext } from './sources/source.ts';

/** More upstreams than this do not help. */
const MAX_SERVERS = 32;
const MAX_ZONES = 128;
/** The stubs that distributions install; given explicitly on port 53 they are rewritten as well. */
const CONFIGURED_STUBS = new Set(['127.0.0.53', '127.0.1.1', '127.0.0.1', '::1']);

export interface DiscoverOptions {
  /** Absolute path, below root. */
  readonly resolvConf: string;
  /** '/', or where the node's files are mounted. */
  readonly root: string;
  readonly rewriteLoopback: 'auto' | 'always' | 'never';
  /** Our own listen addresses, never to be used as upstreams. */
  readonly listen: readonly ListenAddress[];
  /**
   * The files are another system's (a node's, seen from a container): its loopback cannot be
   * reached from here. Default: root is not '/'. A pod in the node's network may say false.
   */
  readonly isForeign?: boolean;
  /** For tests: this machine's addresses, the question to dnsmasq, the wall clock. */
  readonly interfaces?: readonly InterfaceAddress[];
  readonly askServersBind?: SourceContext['askServersBind'];
  readonly wallClockMs?: number;
}

/** A server to judge: from resolv.conf, or configured. */
interface Candidate {
  readonly address: string;
  readonly port: number;
  readonly verdict: Verdict;
}

/** What one discovery works with. */
interface Search {
  readonly options: DiscoverOptions;
  readonly files: NodeFiles;
  readonly surroundings: Surroundings;
  readonly notices: Notice[];
  readonly keptStubs: string[];
}

/**
 * Reads resolv.conf and finds the servers behind its stubs. Never rejects: errors are in the
 * notices.
 */
export async function discoverUpstreams(options: DiscoverOptions): Promise<Discovery> {
  const search = startSearch(options);
  const conf = await readResolvConf(search.files, options.resolvConf);
  search.notices.push(...say.describeResolvConf(conf));
  const candidates = conf.nameservers.map(({ address }) => ({
    address,
    port: 53,
    verdict: judgeServer(address, 53, search.surroundings),
  }));
  const replacement = await replaceStubs(search, conf.state === 'read' ? candidates : [libcDefault(search)]);

  const found: DiscoveredServer[] = [];
  for (const candidate of candidates) found.push(...settle(search, candidate, conf.path, replacement));
  if (conf.state !== 'read' && replacement !== null && replacement.servers.length > 0) {
    found.push(...replaceStub(search, '127.0.0.1:53', conf.path, replacement));
  }
  const servers = limitServers(search, dedupeServers(found));
  const zones = takeZones(search, servers, replacement);
  if (servers.length === 0) search.notices.push(say.describeNoUpstream(conf.path));
  return finish(search, conf, servers, zones);
}

/** An upstream as configured, or one that replaces a configured stub. */
export type ConfiguredUpstream =
  | { readonly kind: 'configured'; readonly upstream: UpstreamAddress }
  | { readonly kind: 'discovered'; readonly server: DiscoveredServer };

export interface ConfiguredDiscovery extends Discovery {
  /** In the order of the configuration; `servers` holds the discovered ones alone. */
  readonly upstreams: readonly ConfiguredUpstream[];
}

/**
 * Replaces stubs (127.0.0.53 and its like, port 53) among explicitly configured upstreams; leaves
 * every other alone.
 */
export async function rewriteConfigured(
  upstreams: readonly UpstreamAddress[],
  options: DiscoverOptions,
): Promise<ConfiguredDiscovery> {
  const search = startSearch(options);
  // Explicit loopback may be another container in the same pod: only our own address is excluded.
  const surroundings = { ...search.surroundings, isForeign: false };
  const candidates = upstreams.map((upstream) =>
    isConfiguredStub(upstream)
      ? {
          address: upstream.host,
          port: upstream.port,
          verdict: judgeServer(upstream.host, upstream.port, surroundings),
        }
      : null,
  );
  const stubs = candidates.filter((candidate) => candidate !== null);
  const replacement = await replaceStubs(search, stubs);

  const settled: ConfiguredUpstream[] = [];
  for (const [index, upstream] of upstreams.entries()) {
    const candidate = candidates[index]!;
    const servers = candidate === null ? null : settle(search, candidate, 'the configuration', replacement);
    const isKept = servers === null || (servers.length === 1 && servers[0]!.replaces === undefined);
    if (isKept) settled.push({ kind: 'configured', upstream });
    else for (const server of servers) settled.push({ kind: 'discovered', server });
  }
  const discovered = settled.filter((entry) => entry.kind === 'discovered').map((entry) => entry.server);
  const servers = limitServers(search, dedupeServers(discovered));
  const isListed = (entry: ConfiguredUpstream) =>
    entry.kind === 'configured' || servers.includes(entry.server);
  const zones = takeZones(search, servers, replacement);
  if (settled.length === 0) search.notices.push(say.describeNoUpstream('the configuration'));
  const result = finish(search, null, servers, zones);
  return { ...result, upstreams: settled.filter(isListed) };
}

function startSearch(options: DiscoverOptions): Search {
  const files = new NodeFiles(options.root);
  const interfaces = options.interfaces ?? readInterfaceAddresses();
  const surroundings = {
    listen: options.listen,
    interfaces,
    isForeign: options.isForeign ?? files.isBelowRoot,
  };
  return { options, files, surroundings, notices: [], keptStubs: [] };
}

/** The server that libc asks when resolv.conf names none (resolv.conf(5)). */
function libcDefault(search: Search): Candidate {
  return { address: '127.0.0.1', port: 53, verdict: judgeServer('127.0.0.1', 53, search.surroundings) };
}

function isConfiguredStub(upstream: UpstreamAddress): boolean {
  const isPlain = upstream.transport === 'udp' || upstream.transport === 'tcp';
  return isPlain && upstream.port === 53 && CONFIGURED_STUBS.has(upstream.host);
}

/** Looks behind the stubs, if there are any and they may be rewritten; else null. */
async function replaceStubs(search: Search, candidates: readonly Candidate[]): Promise<Replacement | null> {
  const { options, files, surroundings } = search;
  const toReplace = candidates.filter(({ verdict }) => verdict !== 'good');
  if (toReplace.length === 0 || options.rewriteLoopback === 'never') return null;
  // Only a stub of this very machine can be asked, and never ourselves.
  const stubs = surroundings.isForeign
    ? []
    : toReplace.filter(({ verdict }) => verdict === 'stub').map((stub) => stub.address);
  const replacement = await findReplacement(
    {
      files,
      stubs: [...new Set(stubs)],
      askServersBind: options.askServersBind ?? askServersBind,
      wallClockMs: options.wallClockMs ?? Date.now(),
    },
    surroundings,
  );
  search.notices.push(...replacement.notices);
  return replacement;
}

/** What becomes of one candidate: itself, its replacement, or nothing. */
function settle(
  search: Search,
  candidate: Candidate,
  path: string,
  replacement: Replacement | null,
): DiscoveredServer[] {
  const { address, port, verdict } = candidate;
  const { notices } = search;
  const asWritten: DiscoveredServer = { address: nameZone(search, address), port, source: path };
  if (verdict === 'good') return [asWritten];
  const stub = formatEndpoint(address, port);
  if (replacement !== null && replacement.servers.length > 0) {
    return replaceStub(search, stub, path, replacement, verdict === 'own');
  }
  if (verdict === 'own') {
    notices.push(say.describeOwn(stub, path, []));
    return [];
  }
  const isNever = search.options.rewriteLoopback === 'never';
  if (verdict === 'unreachable') {
    notices.push(say.describeUnreachable(stub, path, isNever));
    return isNever ? [asWritten] : [];
  }
  if (isNever) return [asWritten];
  if (replacement?.leadsToUs === true) {
    notices.push(say.describeDropped(stub, path, 'it forwards to unloop'));
    return [];
  }
  if (search.options.rewriteLoopback === 'always') {
    notices.push(
      say.describeDropped(stub, path, 'no file names the servers behind it, and rewriting is set to always'),
    );
    return [];
  }
  notices.push(say.describeKept(stub, path));
  search.keptStubs.push(stub);
  return [asWritten];
}

/** The servers that stand in a stub's place, and a notice that says so. */
function replaceStub(
  search: Search,
  stub: string,
  path: string,
  replacement: Replacement,
  isOwn = false,
): DiscoveredServer[] {
  const servers = replacement.servers.map((server) => ({ ...toDiscovered(search, server), replaces: stub }));
  const texts = servers.map((server) => formatEndpoint(server.address, server.port));
  const source = servers[0]!.source;
  search.notices.push(
    isOwn ? say.describeOwn(stub, path, texts) : say.describeRewritten(stub, path, texts, source),
  );
  return servers;
}

function toDiscovered(search: Search, server: FoundServer): DiscoveredServer {
  return {
    address: nameZone(search, server.address),
    port: server.port || 53,
    ...(server.serverName === '' ? {} : { serverName: server.serverName }),
    ...(server.overTls === 'yes' ? { tls: true as const } : {}),
    source: server.path,
  };
}

/** resolved writes zones as interface indexes; the interface's name works everywhere. */
function nameZone(search: Search, address: string): string {
  const percent = address.indexOf('%');
  if (percent === -1 || search.surroundings.isForeign) return address;
  const index = Number(address.slice(percent + 1));
  const own = search.surroundings.interfaces.find((candidate) => candidate.index === index && index > 0);
  return own === undefined ? address : `${address.slice(0, percent)}%${own.name}`;
}

function limitServers(search: Search, servers: readonly DiscoveredServer[]): readonly DiscoveredServer[] {
  if (servers.length > MAX_SERVERS) search.notices.push(say.describeTooMany(servers.length, MAX_SERVERS));
  return servers.slice(0, MAX_SERVERS);
}

/**
 * The routing domains that bypassing the stub would lose; a stub that stays in use sees to them
 * itself.
 */
function takeZones(
  search: Search,
  servers: readonly DiscoveredServer[],
  replacement: Replacement | null,
): DiscoveredZone[] {
  if (replacement === null || search.keptStubs.length > 0) return [];
  const toZone = ({ suffix, servers: found }: FoundZone): DiscoveredZone => ({
    suffix,
    servers: found.slice(0, MAX_SERVERS).map((server) => toDiscovered(search, server)),
  });
  // A zone whose servers are those of every other name is no zone.
  const zones = replacement.zones.map(toZone).filter((zone) => !isSameSet(zone.servers, servers));
  const taken = zones.slice(0, MAX_ZONES);
  if (taken.length > 0) {
    const suffixes = taken.map((zone) => zone.suffix);
    search.notices.push(say.describeZones(suffixes, taken[0]!.servers[0]!.source));
  }
  return taken;
}

function finish(
  search: Search,
  conf: ResolvConf | null,
  servers: readonly DiscoveredServer[],
  zones: readonly DiscoveredZone[],
): Discovery {
  const { files, notices, keptStubs } = search;
  const overTls = servers.filter((server) => server.tls === true).map((server) => server.address);
  if (overTls.length > 0) notices.push(say.describeOverTls(overTls));
  for (const finding of files.unreadable) {
    if (finding.path !== conf?.path) notices.push(say.describeUnreadable(finding));
  }
  const resolvConfState = conf?.state ?? 'read';
  return { servers, zones, notices, files: files.touched, resolvConfState, keptStubs };
}
