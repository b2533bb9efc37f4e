// Reads everything the doctor judges by: the node's files below a root, a Corefile, unloop's configuration. Called by main;
// diagnose draws the conclusions.
import type { Config } from '../config/config.ts';
import { isLoopback, readInterfaceAddresses } from '../discovery/loopback.ts';
import { NodeFiles, type Unreadable } from '../discovery/node-files.ts';
import { type ResolvConf, readResolvConf } from '../discovery/resolv-conf.ts';
import { canonicalAddress } from '../discovery/server-address.ts';
import { askServersBind } from '../discovery/sources/servers-bind.ts';
import type { SourceContext } from '../discovery/sources/source.ts';
import { type Cloud, recogniseCloud } from './cloud.ts';
import { findCorefiles, readClusterDns } from './cluster-dns.ts';
import type { Corefile } from './corefile.ts';
import { DEFAULT_RESOLV_CONF, readKubelet } from './kubelet.ts';
import type { KubeletFacts } from './kubelet-facts.ts';
import { findCleanFile, type LocalServers, readLocalServers } from './local-servers.ts';
import { type Service, type Target, toTarget } from './service.ts';
import { readUnloop, type UnloopServer } from './unloop-server.ts';

/** libc and kubelet take no more servers than that from a resolv.conf. */
export const MAX_NAMESERVERS = 3;

/** What to inspect. */
export interface InspectOptions {
  readonly root: string;
  /** This very process runs in a pod. */
  readonly isPod: boolean;
  readonly corefile: Corefile | null;
  readonly config: { readonly config: Config; readonly path: string } | null;
  /** Cluster DNS addresses, for when kubelet's files do not say. */
  readonly clusterDns: readonly string[];
  /** Servers on this machine may be asked (CH TXT servers.bind). */
  readonly mayAsk: boolean;
  readonly wallClockMs: number;
}

/** What pods with dnsPolicy: Default get. */
export interface PodConf {
  /** kubelet's file; '' when it uses none. */
  readonly path: string;
  readonly state: ResolvConf['state'];
  readonly detail: string;
  readonly servers: readonly Target[];
}

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
  /** A file that kubelet could use as it is; ''. */
  readonly cleanFile: string;
  readonly cloud: Cloud | null;
  readonly isMusl: boolean;
  readonly unreadable: readonly Unreadable[];
  /** Addresses of this machine beyond loopback; empty for another machine's files, where they are not known. */
  readonly ownAddresses: ReadonlySet<string>;
}

/** Reads it all. Never rejects for what is wrong with a file: that is a finding. */
export async function inspect(options: InspectOptions): Promise<Facts> {
  const files = new NodeFiles(options.root);
  const isPod = options.isPod && !files.isBelowRoot;
  const resolvConf = await readResolvConf(files, DEFAULT_RESOLV_CONF);
  const servers = toTargets(resolvConf);
  const ownServers =
    options.isPod && files.isBelowRoot
      ? toTargets(await readResolvConf(new NodeFiles('/'), DEFAULT_RESOLV_CONF))
      : [];
  const found = await readKubelet(files);
  const kubelet = options.clusterDns.length === 0 ? found : { ...found, clusterDns: options.clusterDns };
  const podConf = await readPodConf(files, kubelet);

  const ownAddresses = new Set(files.isBelowRoot || isPod ? [] : readOwnAddresses());
  const isHere = (address: string) => isLoopback(address) || ownAddresses.has(canonicalAddress(address));
  const named = [...new Set([...servers, ...podConf.servers].map((server) => server.address))];
  const context: SourceContext = {
    files,
    stubs: options.mayAsk && !files.isBelowRoot ? named.filter(isHere) : [],
    askServersBind,
    wallClockMs: options.wallClockMs,
  };
  const local = await readLocalServers(context, named.filter(isLoopback), isHere);
  const corefiles = [
    ...(options.corefile === null ? [] : [options.corefile]),
    ...(await findCorefiles(files)),
  ];
  const clusterServices = await readClusterDns(files, kubelet, corefiles, podConf.servers);
  const unloop = await readOwnServer(options, isPod);
  return {
    root: options.root,
    isPod,
    resolvConf,
    servers,
    ownServers,
    kubelet,
    podConf,
    local,
    corefiles,
    // What was told beats what was guessed.
    services: [...(unloop === null ? [] : [unloop.service]), ...clusterServices, ...local.services],
    unloop,
    cleanFile: await findCleanFile(files),
    cloud: await recogniseCloud(files),
    isMusl: (await files.read('/etc/alpine-release')).kind === 'text',
    ownAddresses,
    unreadable: files.unreadable.filter(({ path }) => path !== resolvConf.path && path !== podConf.path),
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

async function readPodConf(files: NodeFiles, kubelet: KubeletFacts): Promise<PodConf> {
  const { resolvConf: path, setBy, generatedServers } = kubelet;
  // Told to use no file, kubelet writes 127.0.0.1 into the pod.
  if (path === '') {
    return { path, state: 'read', detail: '', servers: [toTarget('127.0.0.1', 53, setBy)] };
  }
  if (generatedServers.length > 0) {
    const servers = generatedServers.map((address) => toTarget(address, 53, path));
    return { path, state: 'read', detail: '', servers };
  }
  const conf = await readResolvConf(files, path);
  return { path, state: conf.state, detail: conf.detail, servers: toTargets(conf) };
}

function toTargets({ path, nameservers }: ResolvConf): Target[] {
  return nameservers
    .slice(0, MAX_NAMESERVERS)
    .map(({ address, line }) => toTarget(address, 53, `${path}:${line}`));
}
