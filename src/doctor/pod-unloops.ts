// The unloops of this node's pods, by the configurations that kubelet mounts into them: a sidecar's
// loopback is its pod's, and ours on the node's link-local address is not NodeLocal DNSCache.
// Called by inspect.
import { posix } from 'node:path';
import { printable } from '../base/printable.ts';
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
