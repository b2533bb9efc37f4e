// The sources that are nothing but files in resolv.conf's format: NetworkManager, resolvconf and
// openresolv, OpenWrt, ConnMan, Talos.
import { posix } from 'node:path';
import { readServerFiles, type SourceContext, type SourceFacts } from './source.ts';

const NETWORK_MANAGER_FILES = ['/run/NetworkManager/no-stub-resolv.conf', '/run/NetworkManager/resolv.conf'];
const RESOLVCONF_DIRECTORIES = ['/run/resolvconf/interface', '/run/resolvconf/interfaces'];
const OPENWRT_FILES = ['/tmp/resolv.conf.d/resolv.conf.auto', '/tmp/resolv.conf.auto'];
/** PodResolvConfPath in Talos's source (pkg/machinery/constants). */
const TALOS_FILE = '/system/resolved/resolv.conf';
const CONNMAN_FILE = '/run/connman/resolv.conf';

/** NetworkManager's files: the servers without its stub, then what it would write to /etc. */
export async function readNetworkManagerSource({ files }: SourceContext): Promise<SourceFacts[]> {
  const groups: SourceFacts[] = [];
  for (const path of NETWORK_MANAGER_FILES)
    groups.push(...(await readServerFiles(files, 'NetworkManager', [path])));
  return groups;
}

/** resolvconf's and openresolv's records, one file per interface and program. */
export async function readResolvconfSource({ files }: SourceContext): Promise<SourceFacts[]> {
  const groups: SourceFacts[] = [];
  for (const directory of RESOLVCONF_DIRECTORIES) {
    // lo.dnsmasq, lo.unbound: how local servers announce themselves.
    const names = (await files.list(directory)).filter((name) => !/^lo(\.|$)/.test(name));
    const paths = names.map((name) => posix.join(directory, name));
    groups.push(...(await readServerFiles(files, 'resolvconf', paths)));
  }
  return groups;
}

/** OpenWrt's netifd writes the provider's servers here; dnsmasq reads it. */
export async function readOpenWrtSource({ files }: SourceContext): Promise<SourceFacts[]> {
  const groups: SourceFacts[] = [];
  for (const path of OPENWRT_FILES) groups.push(...(await readServerFiles(files, 'openwrt', [path])));
  return groups;
}

/** ConnMan's file without its proxy. */
export async function readConnmanSource({ files }: SourceContext): Promise<SourceFacts[]> {
  return readServerFiles(files, 'connman', [CONNMAN_FILE]);
}

/**
 * The file that Talos gives to pods (https://docs.siderolabs.com/talos, "Host DNS"): host DNS at
 * 169.254.116.108, which pods can reach, in place of 127.0.0.53; or the machine's own servers where
 * kube-dns is not forwarded to host DNS.
 */
export async function readTalosSource({ files }: SourceContext): Promise<SourceFacts[]> {
  return readServerFiles(files, 'talos', [TALOS_FILE]);
}
