// Reads everything the doctor judges by: the node's files below a root, a Corefile, unloop's
// configuration. Called by main; diagnose draws the conclusions.
import { resolve } from 'node:path';
import { type Endpoint, type FoundUpstream, plainPortOf } from '../base/endpoint.ts';
import { canonicalAddress } from '../base/ip-address.ts';
import type { Config, ListenAddress } from '../config/config.ts';
import { isLoopback, isUnspecified, readInterfaceAddresses } from '../discovery/loopback.ts';
import { NodeFiles, type Unreadable } from '../discovery/node-files.ts';
import { type ResolvConf, readResolvConf } from '../discovery/resolv-conf.ts';
import { askServersBind } from '../discovery/sources/servers-bind.ts';
import type { SourceContext } from '../discovery/sources/source.ts';
import { type Cloud, recognizeCloud } from './cloud.ts';
import { findCorefiles, readClusterDns } from './cluster-dns.ts';
import type { Corefile } from './corefile.ts';
import { DEFAULT_RESOLV_CONF, readKubelet } from './kubelet.ts';
import type { KubeletFacts } from './kubelet-facts.ts';
import { findCleanFile, findRealServers, type LocalServers, readLocalServers } from './local-servers.ts';
import type { PodConf } from './pod-conf.ts';
import { findPodAddresses, findPodUnloops, type PodUnloop, readPodConfig } from './pod-unloops.ts';
import { hostOf, listensOn, type Service, type Target, toTarget } from './service.ts';
import { readUnloop, type UnloopServer } from './unloop-server.ts';

/** libc and kubelet take no more servers than that from a resolv.conf. */
export const MAX_NAMESERVERS = 3;

/** This container's own file, when the files inspected are the node's. */
const OWN_RESOLV_CONF = "this pod's /etc/resolv.conf";

/** Where our own pods have their configuration. */
const OWN_CONFIG = '/etc/unloop/config.yaml';

/** What to inspect. */
export interface InspectOptions {
  readonly root: string;
  /** This very process runs in a pod. */
  readonly isPod: boolean;
  /** Where this pod's own files are. */
  readonly podRoot: string;
  readonly corefile: Corefile | null;
  readonly config: { readonly config: Config; readonly path: string } | null;
  /** Cluster DNS addresses, for when kubelet's files do not say. */
  readonly clusterDns: readonly string[];
  /** Servers on this machine may be asked (CH TXT servers.bind). */
  readonly mayAsk: boolean;
  readonly wallClockMs: number;
}

/** For a pod with another dnsPolicy. */
const UNSEEN: PodConf = { path: '', state: 'missing', detail: '', servers: [], conf: null, basis: 'none' };

/** What was found. */
export interface Facts {
  readonly root: string;
  /** The files are of the pod that this process is in. */
  readonly isPod: boolean;
  readonly resolvConf: ResolvConf;
  readonly servers: readonly Target[];
  /** This container's own servers, when the files inspected are the node's; else empty. */
  readonly ownServers: readonly Target[];
  readonly kubelet: KubeletFacts;
  readonly podConf: PodConf;
  readonly local: LocalServers;
  readonly corefiles: readonly Corefile[];
  readonly services: readonly Service[];
  readonly unloop: UnloopServer | null;
  /** The unloops of this node's pods, with what is wrong with their configurations. */
  readonly podUnloops: readonly PodUnloop[];
  /** Addresses of this node's pods that have a network of their own. */
  readonly podAddresses: readonly string[];
  /** This process is in one of our own pods. */
  readonly isOwnPod: boolean;
  /** Mounts of what the node has replaced or removed. */
  readonly detached: readonly string[];
  /**
   * Servers behind this machine's that some file names, of the first source that has any: what
   * discovery would take.
   */
  readonly realServers: readonly FoundUpstream[];
  /** Whether a server leads away from this machine and the cluster. */
  readonly isUsable: (endpoint: Endpoint) => boolean;
  /** A file that kubelet could use as it is; ''. */
  readonly cleanFile: string;
  readonly cloud: Cloud | null;
  readonly isMusl: boolean;
  readonly unreadable: readonly Unreadable[];
  /**
   * Addresses of this machine beyond loopback; empty for another machine's files, where they are
   * not known.
   */
  readonly ownAddresses: ReadonlySet<string>;
}

/** Reads it all. Never rejects for what is wrong with a file: that is a finding. */
export async function inspect(options: InspectOptions): Promise<Facts> {
  const isOwnRoot = resolve(options.root) === '/';
  const files = new NodeFiles(isOwnRoot ? options.podRoot : options.root);
  const isPod = options.isPod && isOwnRoot;
  const resolvConf = await readResolvConf(files, DEFAULT_RESOLV_CONF);
  const servers = toTargets(resolvConf);
  const ownConf =
    options.isPod && !isOwnRoot
      ? await readResolvConf(new NodeFiles(options.podRoot), DEFAULT_RESOLV_CONF)
      : null;
  const found = await readKubelet(files);
  const kubelet = options.clusterDns.length === 0 ? found : { ...found, clusterDns: options.clusterDns };
  // A file that kubelet made is better proof than kubelet's default.
  const copy = isPod ? resolvConf : kubelet.unknown === '' ? null : ownConf;
  let podConf: PodConf;
  if (copy !== null && isKubeletCopy(copy, kubelet.clusterDns)) podConf = fromCopy(copy, isPod);
  else podConf = isPod ? UNSEEN : await readPodConf(files, kubelet);

  const ownAddresses = new Set(files.isBelowRoot || isPod ? [] : readOwnAddresses());
  const isHere = (address: string) => isLoopback(address) || ownAddresses.has(canonicalAddress(address));
  const named = [...new Set([...servers, ...podConf.servers].map(hostOf))];
  const context: SourceContext = {
    files,
    resolvConf: resolvConf.path,
    stubs: options.mayAsk && !files.isBelowRoot ? named.filter(isHere) : [],
    askServersBind,
    wallClockMs: options.wallClockMs,
  };
  const local = await readLocalServers(context, named, isHere);
  const corefiles = [
    ...(options.corefile === null ? [] : [options.corefile]),
    ...(await findCorefiles(files, kubelet.distribution.root)),
  ];
  const podUnloops = await findPodUnloops(files, kubelet.distribution.root);
  const ownPod = options.isPod && options.config === null ? await findOwnConfig(options.podRoot) : null;
  const told = await readOwnServer(options, isPod);
  const unloops = await readPodServers([...(ownPod === null ? [] : [ownPod]), ...podUnloops], options.root);
  const unloop = told ?? (ownPod === null ? null : (unloops[0] ?? null));
  const ours = [...(told === null ? [] : [told.service]), ...unloops.map(({ service }) => service)];
  const clusterServices = await readClusterDns(files, kubelet, corefiles, podConf, ours);
  // What was told beats what was guessed.
  const services = [...ours, ...clusterServices, ...local.services];
  const isUsable = (endpoint: Endpoint) =>
    !isHere(endpoint.host) &&
    !services.some((service) => listensOn(service, endpoint.host, plainPortOf(endpoint)));
  return {
    root: options.root,
    isPod,
    resolvConf,
    servers,
    ownServers: ownConf === null || podConf.basis === 'pod' ? [] : toTargets(ownConf),
    kubelet,
    podConf,
    local,
    corefiles,
    services,
    unloop,
    podUnloops,
    podAddresses: await findPodAddresses(files, kubelet.distribution.root),
    isOwnPod: ownPod !== null,
    detached: files.detached,
    realServers: (await findRealServers(context, isUsable))?.upstreams ?? [],
    isUsable,
    cleanFile: await findCleanFile(files, isUsable),
    cloud: await recognizeCloud(files),
    isMusl: (await files.read('/etc/alpine-release')).kind === 'text',
    ownAddresses,
    unreadable: files.unreadable.filter(
      ({ path }) => path !== resolvConf.path && path !== podConf.path && !path.startsWith('/proc/'),
    ),
  };
}

function readOwnAddresses(): string[] {
  const addresses = readInterfaceAddresses().map(({ address }) => canonicalAddress(address));
  return addresses.filter((address) => !isLoopback(address));
}

async function readOwnServer(options: InspectOptions, isPod: boolean): Promise<UnloopServer | null> {
  if (options.config === null) return null;
  const { config, path } = options.config;
  const isHere = options.root === '/';
  const unloop = await readUnloop(config, path, {
    root: isHere ? config.discovery.root : options.root,
    // The addresses of another machine are not known.
    ...(isHere ? {} : { interfaces: [], isForeign: false }),
    ...(options.mayAsk && isHere ? {} : { askServersBind: async () => null }),
    wallClockMs: options.wallClockMs,
  });
  return isPod ? { ...unloop, service: { ...unloop.service, place: 'pod' } } : unloop;
}

/** Null where this pod is not one of ours. */
async function findOwnConfig(podRoot: string): Promise<PodUnloop | null> {
  const text = await new NodeFiles(podRoot).text(OWN_CONFIG);
  if (text === '') return null;
  const read = readPodConfig(OWN_CONFIG, text);
  // Only in the node's network can it listen on an address of its own choice.
  const isNodes = ({ host }: ListenAddress) => !isLoopback(host) && !isUnspecified(host);
  const place = read.config?.listen.some(isNodes) === true ? 'node' : 'pod';
  return { path: OWN_CONFIG, place, ...read };
}

/** The unloops of pods as servers. The node's loopback is not theirs. */
async function readPodServers(unloops: readonly PodUnloop[], root: string): Promise<UnloopServer[]> {
  const servers: UnloopServer[] = [];
  for (const { config, path, place } of unloops) {
    if (config === null) continue;
    const askServersBind = async () => null;
    const server = await readUnloop(config, path, { root, interfaces: [], isForeign: true, askServersBind });
    servers.push({ ...server, service: { ...server.service, place } });
  }
  return servers;
}

async function readPodConf(files: NodeFiles, kubelet: KubeletFacts): Promise<PodConf> {
  const { resolvConf: path, setBy, generatedServers } = kubelet;
  // Told to use no file, kubelet writes 127.0.0.1 into the pod.
  if (path === '') {
    const servers = [toTarget('127.0.0.1', 53, setBy)];
    return { path, state: 'read', detail: '', servers, conf: null, basis: 'files' };
  }
  if (generatedServers.length > 0) {
    const servers = generatedServers.map((address) => toTarget(address, 53, path));
    return { path, state: 'read', detail: '', servers, conf: null, basis: 'files' };
  }
  const conf = await readResolvConf(files, path);
  const basis = kubelet.unknown === '' ? 'files' : 'guess';
  return { path, state: conf.state, detail: conf.detail, servers: toTargets(conf), conf, basis };
}

/** A pod with another dnsPolicy gets the cluster's DNS and its search domains. */
function isKubeletCopy(own: ResolvConf, clusterDns: readonly string[]): boolean {
  const isClusters = own.search.some((domain) => /^svc\./i.test(domain) || /\.svc\./i.test(domain));
  const isNamed = own.nameservers.some(({ address }) => clusterDns.includes(address));
  return own.nameservers.length > 0 && !isClusters && !isNamed;
}

function fromCopy(own: ResolvConf, isOnly: boolean): PodConf {
  // Below another root, the same path is the node's file.
  const conf = isOnly ? own : { ...own, path: OWN_RESOLV_CONF };
  return { path: conf.path, state: 'read', detail: '', servers: toTargets(conf), conf, basis: 'pod' };
}

function toTargets({ path, nameservers }: ResolvConf): Target[] {
  return nameservers
    .slice(0, MAX_NAMESERVERS)
    .map(({ address, line }) => toTarget(address, 53, `${path}:${line}`));
}
