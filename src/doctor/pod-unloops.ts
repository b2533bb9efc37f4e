// The unloops of this node's pods, by the configurations that kubelet mounts into them: a sidecar's
// loopback is its pod's, and ours on the node's link-local address is not NodeLocal DNSCache.
// Called by inspect.
import { BlockList, isIP } from 'node:net';
import { posix } from 'node:path';
import { formatIp } from '../base/ip-address.ts';
import { printable } from '../base/printable.ts';
import { NON_PUBLIC_NETWORKS, parseCidr } from '../config/cidr.ts';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import type { NodeFiles } from '../discovery/node-files.ts';
import type { Place } from './service.ts';

/** The volume of the Helm chart and the kustomize bases. */
const VOLUME = 'unloop-config';
const KINDS = ['kubernetes.io~projected', 'kubernetes.io~configmap'];
/** Those of more pods say nothing new. */
const MAX_UNLOOPS = 8;
/** kubelet writes it into the hosts file of a pod that shares the node's network. */
const HOST_NETWORK = '(host network)';

/** Of a hosts file's own lines: loopback and multicast. */
const NOT_OF_PODS = /^(?:127\.|::1$|f[ef])/i;
/** More say nothing new. */
const MAX_ADDRESSES = 1024;

/** One of them. */
export interface PodUnloop {
  readonly path: string;
  /** Null where it has faults. */
  readonly config: Config | null;
  /** The first fault; ''. */
  readonly fault: string;
  readonly place: Place;
}

/** Finds them below kubelet's --root-dir; replicas with the same file are one. */
export async function findPodUnloops(files: NodeFiles, kubeletRoot: string): Promise<PodUnloop[]> {
  const pods = posix.join(kubeletRoot, 'pods');
  const found: PodUnloop[] = [];
  const seen = new Set<string>();
  for (const pod of await files.list(pods)) {
    for (const kind of KINDS) {
      const path = posix.join(pods, pod, 'volumes', kind, VOLUME, 'config.yaml');
      const text = await files.text(path);
      if (text === '') continue;
      const hosts = await files.text(posix.join(pods, pod, 'etc-hosts'));
      const place = hosts.includes(HOST_NETWORK) ? 'node' : 'pod';
      if (seen.has(place + text) || found.length === MAX_UNLOOPS) continue;
      seen.add(place + text);
      found.push({ path, place, ...readPodConfig(path, text) });
    }
  }
  return found;
}

/** Addresses of this node's pods that have a network of their own, as kubelet writes them. */
export async function findPodAddresses(files: NodeFiles, kubeletRoot: string): Promise<string[]> {
  const pods = posix.join(kubeletRoot, 'pods');
  const addresses = new Set<string>();
  for (const pod of await files.list(pods)) {
    const hosts = await files.text(posix.join(pods, pod, 'etc-hosts'));
    if (hosts.includes(HOST_NETWORK)) continue;
    for (const line of hosts.split('\n')) {
      const [address = ''] = line.split(/\s/);
      if (isIP(address) !== 0 && !NOT_OF_PODS.test(address)) addresses.add(address);
      if (addresses.size === MAX_ADDRESSES) return [...addresses];
    }
  }
  return [...addresses];
}

/** Those that none of the networks has that this unloop serves, links of the node aside. */
export function refusedBy({ limits }: Config, addresses: readonly string[]): string[] {
  const [allowed, denied] = [new BlockList(), new BlockList()];
  const add = (list: BlockList, texts: readonly string[]) => {
    for (const { bytes, prefix, family } of texts.map(parseCidr))
      list.addSubnet(formatIp({ family, bytes, zone: '' }), prefix, `ipv${family}`);
  };
  add(allowed, limits.allow.length > 0 ? limits.allow : NON_PUBLIC_NETWORKS);
  add(denied, limits.deny);
  return addresses.filter((address) => {
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    return denied.check(address, family) || !allowed.check(address, family);
  });
}

/** The text of a pod's configuration; its key is not needed. */
export function readPodConfig(path: string, text: string): Pick<PodUnloop, 'config' | 'fault'> {
  try {
    const instead = { name: path, text };
    const { config } = loadConfig({ path: null, instead, withoutSecrets: true, environment: {} });
    return { config, fault: '' };
  } catch (error) {
    const [first = ''] = (error as Error).message.split('\n');
    // A tenant wrote it.
    return { config: null, fault: printable(first.replace(`${path}:`, 'line ')) };
  }
}
