// The DNS servers of the node itself and their upstreams: systemd-resolved, dnsmasq, those of
// READERS, or whatever answers on a loopback address while some file of the node still names the
// real servers. Called by inspect.
import { type Endpoint, type FoundUpstream, plainEndpoint } from '../base/endpoint.ts';
import { canonicalAddress } from '../base/ip-address.ts';
import { isLoopback } from '../discovery/loopback.ts';
import type { NodeFiles } from '../discovery/node-files.ts';
import { readResolvConf } from '../discovery/resolv-conf.ts';
import { SOURCE_READERS } from '../discovery/sources/all.ts';
import { readDnsmasqSource } from '../discovery/sources/dnsmasq.ts';
import { readResolvedConf } from '../discovery/sources/resolved-conf.ts';
import { RESOLVED_FILE, readResolvedFileSource } from '../discovery/sources/resolved-file.ts';
import { readResolvedStateSource } from '../discovery/sources/resolved-state.ts';
import type { SourceContext, SourceFacts } from '../discovery/sources/source.ts';
import { readAdGuardHome } from './adguard-home.ts';
import { readDnscryptProxy } from './dnscrypt-proxy.ts';
import { readOpenShiftCoreDns, readTailscale, readTalosHostDns } from './host-dns.ts';
import { readPihole } from './pihole.ts';
import { listensOn, type Route, type Service, targetOf } from './service.ts';
import { readUnbound } from './unbound.ts';

/** Limit for a chain of dnsmasq servers that are asked for their upstreams. */
const MAX_ASKED = 8;
const STUB_FILE = '/run/systemd/resolve/stub-resolv.conf';

/**
 * Each reads one kind of server, null where it is not installed. Where two answer on one address,
 * the first counts.
 */
const READERS: readonly ((files: NodeFiles, named: readonly string[]) => Promise<Service | null>)[] = [
  readTalosHostDns,
  readAdGuardHome,
  readPihole,
  readUnbound,
  readDnscryptProxy,
  readOpenShiftCoreDns,
  readTailscale,
];

/** What runs on the node, as far as its files tell. */
export interface LocalServers {
  readonly services: readonly Service[];
  /** resolved is there and told not to listen on 127.0.0.53. */
  readonly isStubOff: boolean;
  /** DNS= and FallbackDNS= of resolved.conf, with the files that set them. */
  readonly resolvedServers: readonly FoundUpstream[];
}

/**
 * Reads them all. `named`: the servers that resolv.conf names. `isHere`: whether an address is this
 * machine's.
 */
export async function readLocalServers(
  context: SourceContext,
  named: readonly string[],
  isHere: (address: string) => boolean,
): Promise<LocalServers> {
  const { files } = context;
  const conf = await readResolvedConf(files);
  const isStubOff = /^(no|off|false|0)$/i.test(conf.stubListener);
  const services: Service[] = [];
  const resolved = await readResolved(context, conf.paths.length > 0);
  if (resolved !== null) {
    const stub = isStubOff ? [] : resolved.listens;
    services.push({ ...resolved, listens: [...stub, ...conf.stubListenerExtra] });
  }
  for (const read of READERS) {
    const service = await read(files, named);
    if (service !== null) services.push(service);
  }
  services.push(...(await readDnsmasqs(context, isHere)));

  const real = await findRealServers(context, ({ host }) => !isLoopback(host));
  for (const stub of named.filter(isLoopback)) {
    const address = canonicalAddress(stub);
    const isKnown = services.some((service) => service.place === 'node' && listensOn(service, address, 53));
    const isOff = isStubOff && /^127\.0\.0\.5[34]$/.test(address);
    if (isKnown || isOff || real === null) continue;
    services.push({
      role: roleOf(address) || 'a server on this node',
      place: 'node',
      listens: [{ address, port: 53 }],
      ownZones: [],
      routes: toRoutes(real),
      isAssumed: true,
    });
  }
  return { services, isStubOff, resolvedServers: [...conf.dns, ...conf.fallbackDns] };
}

/** What usually answers on a loopback address. */
export function roleOf(address: string): string {
  if (address === '127.0.0.53' || address === '127.0.0.54') return 'systemd-resolved';
  if (address === '127.0.1.1') return 'dnsmasq';
  if (address === '127.0.2.1') return 'dnscrypt-proxy';
  return address === '127.0.0.11' ? "Docker's DNS" : '';
}

async function readResolved(context: SourceContext, hasConf: boolean): Promise<Service | null> {
  const facts =
    (await readResolvedFileSource(context))[0] ?? (await readResolvedStateSource(context))[0] ?? null;
  const isRunning =
    (await context.files.read(STUB_FILE)).kind === 'text' ||
    (await context.files.read(RESOLVED_FILE)).kind === 'text';
  if (facts === null && !hasConf && !isRunning) return null;
  return {
    role: 'systemd-resolved',
    place: 'node',
    listens: ['127.0.0.53', '127.0.0.54'].map((address) => ({ address, port: 53 })),
    ownZones: [],
    routes:
      facts === null
        ? [{ zone: '.', targets: [], unknown: 'no file names the upstreams of systemd-resolved' }]
        : toRoutes(facts),
    isAssumed: false,
  };
}

/**
 * Those that tell their upstreams themselves, one address at a time, then the one of the
 * configuration files.
 */
async function readDnsmasqs(
  context: SourceContext,
  isHere: (address: string) => boolean,
): Promise<Service[]> {
  const services: Service[] = [];
  const pending = [...context.stubs];
  const asked = new Set<string>();
  for (let stub = pending.shift(); stub !== undefined && asked.size < MAX_ASKED; stub = pending.shift()) {
    if (asked.has(stub)) continue;
    asked.add(stub);
    const groups = await readDnsmasqSource({ ...context, stubs: [stub] });
    const told = groups.find(({ upstreams }) =>
      upstreams.some(({ origin }) => origin.source.endsWith(`@${stub}`)),
    );
    if (told === undefined) continue;
    services.push(toDnsmasq([stub], told));
    for (const { endpoint } of told.upstreams) {
      if (isHere(endpoint.host) && endpoint.port === 53) pending.push(endpoint.host);
    }
  }
  const written = (await readDnsmasqSource({ ...context, stubs: [] }))[0];
  if (written !== undefined) services.push(toDnsmasq(['127.0.0.1', '127.0.1.1', '::1'], written));
  return services;
}

function toDnsmasq(addresses: readonly string[], facts: SourceFacts): Service {
  return {
    role: 'dnsmasq',
    place: 'node',
    listens: addresses.map((address) => ({ address: canonicalAddress(address), port: 53 })),
    ownZones: [],
    routes: toRoutes(facts),
    isAssumed: false,
  };
}

/** The first source that knows a usable server, with no other servers. */
export async function findRealServers(
  context: SourceContext,
  isUsable: (endpoint: Endpoint) => boolean,
): Promise<SourceFacts | null> {
  for (const reader of SOURCE_READERS) {
    for (const facts of await reader(context)) {
      const upstreams = facts.upstreams.filter(({ endpoint }) => isUsable(endpoint));
      if (upstreams.length > 0) return { ...facts, upstreams };
    }
  }
  return null;
}

function toRoutes({ upstreams, zones }: Pick<SourceFacts, 'upstreams' | 'zones'>): Route[] {
  const routes: Route[] = zones.map((zone) => ({
    zone: zone.suffix,
    targets: zone.upstreams.map(targetOf),
    unknown: '',
  }));
  if (upstreams.length > 0) routes.unshift({ zone: '.', targets: upstreams.map(targetOf), unknown: '' });
  return routes;
}

/**
 * A file in resolv.conf's format that names usable servers only, for kubelet to copy; '' when there
 * is none.
 */
export async function findCleanFile(
  files: NodeFiles,
  isUsable: (endpoint: Endpoint) => boolean,
): Promise<string> {
  const candidates = [
    RESOLVED_FILE,
    '/run/NetworkManager/no-stub-resolv.conf',
    '/run/NetworkManager/resolv.conf',
    '/run/connman/resolv.conf',
  ];
  for (const path of candidates) {
    const { nameservers } = await readResolvConf(files, path);
    if (nameservers.length > 0 && nameservers.every(({ address }) => isUsable(plainEndpoint(address))))
      return path;
  }
  return '';
}
