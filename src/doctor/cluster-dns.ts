// The cluster's DNS as a server to look into: CoreDNS and NodeLocal DNSCache by their Corefiles,
// which are given or lie among kubelet's mounted volumes; without one, what every distribution's
// Corefile does. Called by inspect.
import { posix } from 'node:path';
import { canonicalAddress } from '../base/ip-address.ts';
import type { NodeFiles } from '../discovery/node-files.ts';
import { readResolvConf } from '../discovery/resolv-conf.ts';
import { type Corefile, type Forward, parseForwardTarget, readCorefile } from './corefile.ts';
import type { KubeletFacts } from './kubelet-facts.ts';
import type { PodConf } from './pod-conf.ts';
import { hostOf, listensOn, type Route, type Service, type Target, toTarget } from './service.ts';

/** What NodeLocal DNSCache's manifest binds to; kubespray uses the second. */
export const NODE_LOCAL_ADDRESSES: readonly string[] = ['169.254.20.10', '169.254.25.10'];
export const CLUSTER_DNS_ROLE = 'cluster DNS';
export const NODE_LOCAL_ROLE = 'NodeLocal DNSCache';

/** The tenth address of kubeadm's service network, and of k3s's and RKE2's. */
const USUAL_CLUSTER_DNS: readonly string[] = ['10.96.0.10', '10.43.0.10'];

const COREFILE_NAMES = ['Corefile', 'Corefile.base'];
/** Corefiles of more pods than that say nothing new. */
const MAX_COREFILES = 8;

/**
 * What a Corefile calls the servers that kubelet gave its pod; NodeLocal DNSCache fills in the
 * second itself.
 */
const POD_SERVERS = new Set(['/etc/resolv.conf', '__PILLAR__UPSTREAM__SERVERS__']);

/** Finds the Corefiles that kubelet mounts into pods of this node, below its --root-dir. */
export async function findCorefiles(files: NodeFiles, kubeletRoot: string): Promise<Corefile[]> {
  const pods = posix.join(kubeletRoot, 'pods');
  const found: Corefile[] = [];
  const seen = new Set<string>();
  for (const pod of await files.list(pods)) {
    const volumes = posix.join(pods, pod, 'volumes/kubernetes.io~configmap');
    for (const volume of await files.list(volumes)) {
      for (const name of COREFILE_NAMES) {
        const path = posix.join(volumes, volume, name);
        const text = await files.text(path);
        if (text === '' || seen.has(text) || found.length === MAX_COREFILES) continue;
        seen.add(text);
        found.push(readCorefile(text, path));
      }
    }
  }
  return found;
}

/**
 * The services that the Corefiles describe, and those that kubelet's cluster DNS addresses stand
 * for.
 */
export async function readClusterDns(
  files: NodeFiles,
  kubelet: KubeletFacts,
  corefiles: readonly Corefile[],
  podConf: PodConf,
  ours: readonly Service[] = [],
): Promise<Service[]> {
  const podServers = podConf.basis === 'none' ? null : podConf.servers;
  const services: Service[] = [];
  const nodeLocal = corefiles.filter(isNodeLocal);
  const cluster = corefiles.filter((corefile) => !isNodeLocal(corefile));
  const bound = new Set<string>();
  for (const corefile of nodeLocal) {
    const addresses = [...new Set(corefile.blocks.flatMap((block) => block.binds.map(canonicalAddress)))];
    for (const address of addresses) bound.add(address);
    services.push({
      role: NODE_LOCAL_ROLE,
      place: 'node',
      listens: listenOn(addresses, corefile),
      ownZones: [],
      routes: await readRoutes(files, corefile, podServers),
      isAssumed: isGuessed(corefile, podConf),
    });
  }
  // unloop may stand there in its place.
  const isOurs = (address: string) => ours.some((service) => listensOn(service, address, 53));
  const localAddresses = NODE_LOCAL_ADDRESSES.filter((address) => !bound.has(address) && !isOurs(address));
  const podAddresses = podConf.servers.map((server) => canonicalAddress(hostOf(server)));
  const unseen = podServers === null ? 'what kubelet gave it to ask is not to be seen from here' : '';
  const usual: Route = { zone: '.', targets: podServers ?? [], unknown: unseen };
  for (const address of localAddresses) {
    services.push({
      role: NODE_LOCAL_ROLE,
      place: 'node',
      listens: [{ address, port: 53 }],
      ownZones: [],
      // In kubelet's own file it cannot be what NodeLocal DNSCache asks: only its Corefile says
      // what lies behind.
      routes: [
        podAddresses.includes(address)
          ? { zone: '.', targets: [], unknown: 'only its Corefile names its upstreams' }
          : usual,
      ],
      isAssumed: true,
    });
  }

  const told = kubelet.clusterDns.map(canonicalAddress);
  const behind = told.filter((address) => !bound.has(address) && !NODE_LOCAL_ADDRESSES.includes(address));
  const clusterAddresses = behind.length > 0 ? behind : USUAL_CLUSTER_DNS;
  const podAndCluster = [...clusterAddresses, '0.0.0.0'];
  for (const corefile of cluster) {
    const routes = await readRoutes(files, corefile, podServers);
    services.push({
      role: CLUSTER_DNS_ROLE,
      place: 'pod',
      listens: listenOn(podAndCluster, corefile),
      ownZones: listOwnZones(corefile, routes),
      routes,
      isAssumed: isGuessed(corefile, podConf),
    });
  }
  if (cluster.length === 0) {
    services.push({
      role: CLUSTER_DNS_ROLE,
      place: 'pod',
      listens: podAndCluster.map((address) => ({ address, port: 53 })),
      ownZones: ['cluster.local', 'in-addr.arpa', 'ip6.arpa'],
      routes: [usual],
      isAssumed: true,
    });
  }
  return services;
}

/** Whether it forwards to its pod's resolv.conf, and what that holds is a guess. */
function isGuessed({ blocks }: Corefile, { basis }: PodConf): boolean {
  const takesFile = ({ to }: Forward) => to.some((target) => POD_SERVERS.has(target));
  return basis === 'guess' && blocks.some(({ forwards }) => forwards.some(takesFile));
}

/**
 * NodeLocal DNSCache binds to a link-local address of the node; a cluster's DNS binds to every
 * address of its pod.
 */
export function isNodeLocal(corefile: Corefile): boolean {
  return corefile.blocks.some((block) => block.binds.some((address) => address.startsWith('169.254.')));
}

function listenOn(addresses: readonly string[], corefile: Corefile): { address: string; port: number }[] {
  const ports = new Set(corefile.blocks.flatMap((block) => block.zones.map(({ port }) => port)));
  // A service's port 53 leads to whatever port CoreDNS has in its pod.
  ports.add(53);
  return addresses.flatMap((address) => [...ports].map((port) => ({ address, port })));
}

/** What it answers itself, and what its forwards leave alone and no other one takes. */
function listOwnZones({ blocks }: Corefile, routes: readonly Route[]): string[] {
  const spared = blocks.flatMap((block) => block.forwards.flatMap((forward) => forward.except));
  const routed = new Set(routes.map(({ zone }) => zone));
  return [...blocks.flatMap((block) => block.ownZones), ...spared.filter((zone) => !routed.has(zone))];
}

async function readRoutes(
  files: NodeFiles,
  corefile: Corefile,
  podServers: readonly Target[] | null,
): Promise<Route[]> {
  const routes: Route[] = [];
  for (const block of corefile.blocks) {
    for (const forward of block.forwards) {
      const zones = forward.zone === '.' ? block.zones.map(({ zone }) => zone) : [forward.zone];
      const targets: Target[] = [];
      let unknown = '';
      for (const to of forward.to) {
        const found = await readTarget(files, corefile, forward, to, podServers);
        if (found === null) unknown = `${to} means servers that are not known here`;
        else targets.push(...found);
      }
      for (const zone of new Set(zones)) {
        if (targets.length > 0) routes.push({ zone, targets, unknown: '' });
        if (unknown !== '') routes.push({ zone, targets: [], unknown });
      }
    }
  }
  return routes;
}

async function readTarget(
  files: NodeFiles,
  corefile: Corefile,
  forward: Forward,
  to: string,
  podServers: readonly Target[] | null,
): Promise<readonly Target[] | null> {
  const source = `${corefile.path}:${forward.line}`;
  const target = parseForwardTarget(to);
  if (target.kind === 'server') {
    const plain = toTarget(target.host, target.port, source);
    return [to.includes('://') && !to.startsWith('dns://') ? { ...plain, text: to } : plain];
  }
  // The pod's own /etc/resolv.conf is what kubelet made of its file; any other path is a mount that
  // may be the node's.
  if (target.kind === 'file') {
    if (to === '/etc/resolv.conf') return podServers;
    const { nameservers } = await readResolvConf(files, to);
    if (nameservers.length === 0) return null;
    return nameservers.map(({ address, line }) => toTarget(address, 53, `${to}:${line}`));
  }
  // NodeLocal DNSCache fills this in with its pod's servers, unless the cluster's DNS has stub
  // domains.
  return to === '__PILLAR__UPSTREAM__SERVERS__' ? podServers : null;
}
