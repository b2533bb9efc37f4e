// The DNS servers that come with an operating system or a VPN and answer on addresses of their own:
// Talos's host DNS, OpenShift's CoreDNS on the node, Tailscale's MagicDNS. Called by local-servers.
import { parseAllDocuments } from 'yaml';
import { canonicalAddress } from '../base/ip-address.ts';
import type { NodeFiles } from '../discovery/node-files.ts';
import { readResolvConf } from '../discovery/resolv-conf.ts';
import { parseForwardTarget, readCorefile } from './corefile.ts';
import { asTexts } from './kubelet-facts.ts';
import { type Route, type Service, type Target, toTarget } from './service.ts';

/**
 * Talos answers pods here where forwardKubeDNSToHost is on, and processes on 127.0.0.53 (its
 * constants.go).
 */
const TALOS_HOST_DNS = ['169.254.116.108', 'fd54:616c:6f73:0:204f:5320:444e:531'].map(canonicalAddress);
/** The machine's configuration, on the partition STATE. */
const TALOS_CONFIG = '/system/state/config.yaml';
const OPENSHIFT_COREFILE = '/etc/coredns/Corefile';
const OPENSHIFT_NODE_IP = '/run/nodeip-configuration/primary-ip';
/** The same on every node of every tailnet. */
const TAILSCALE_ADDRESSES: readonly string[] = ['100.100.100.100', 'fd7a:115c:a1e0::53'];
export const TAILSCALE_ROLE = "Tailscale's MagicDNS";
/** What tailscaled found when it took /etc/resolv.conf over. */
const TAILSCALE_BACKUP = '/etc/resolv.pre-tailscale-backup.conf';

/** `named`: every server that a resolv.conf of this node names. */
export async function readTalosHostDns(files: NodeFiles, named: readonly string[]): Promise<Service | null> {
  const reading = await files.read(TALOS_CONFIG);
  const isTalos = (await files.text('/etc/os-release')).includes('ID=talos');
  const isNamed = named.some((address) => TALOS_HOST_DNS.includes(canonicalAddress(address)));
  if (!isTalos && !isNamed && reading.kind !== 'text') return null;
  const servers = reading.kind === 'text' ? readTalosNameservers(reading.text) : [];
  const targets = servers.map((address) => toTarget(address, 53, TALOS_CONFIG));
  const unknown = targets.length > 0 ? '' : 'it asks what `talosctl get resolvers` lists';
  return {
    role: "Talos's host DNS",
    place: 'node',
    listens: ['127.0.0.53', ...TALOS_HOST_DNS].map((address) => ({ address, port: 53 })),
    ownZones: [],
    routes: [{ zone: '.', targets, unknown }],
    isAssumed: false,
  };
}

/** machine.network.nameservers, or those of a ResolverConfig document (Talos 1.12 and newer). */
function readTalosNameservers(text: string): string[] {
  const servers: unknown[] = [];
  try {
    for (const document of parseAllDocuments(text, { logLevel: 'silent', prettyErrors: false })) {
      const value = (document as { toJS(options: object): unknown }).toJS({ maxAliasCount: 10 });
      const root = value as {
        kind?: unknown;
        nameservers?: { address?: unknown }[];
        machine?: { network?: { nameservers?: unknown } };
      } | null;
      servers.push(...asTexts(root?.machine?.network?.nameservers));
      if (root?.kind === 'ResolverConfig') servers.push(...(root.nameservers ?? []).map((s) => s?.address));
    }
  } catch {
    // A file that is not YAML names no server, and the report says that it cannot tell.
    return [];
  }
  return asTexts(servers).filter((server) => parseForwardTarget(server).kind === 'server');
}

/**
 * On bare metal and in virtual machines every OpenShift node runs a CoreDNS on its own address,
 * first in /etc/resolv.conf.
 */
export async function readOpenShiftCoreDns(files: NodeFiles): Promise<Service | null> {
  const reading = await files.read(OPENSHIFT_COREFILE);
  if (reading.kind !== 'text') return null;
  const routes: Route[] = [];
  for (const { zones, forwards } of readCorefile(reading.text, OPENSHIFT_COREFILE).blocks) {
    for (const forward of forwards) {
      const targets = forward.to.flatMap((to): Target[] => {
        const parsed = parseForwardTarget(to);
        const source = `${OPENSHIFT_COREFILE}:${forward.line}`;
        return parsed.kind === 'server' ? [toTarget(parsed.host, parsed.port, source)] : [];
      });
      const names = forward.zone === '.' ? zones.map(({ zone }) => zone) : [forward.zone];
      for (const zone of names) if (targets.length > 0) routes.push({ zone, targets, unknown: '' });
    }
  }
  const nodeAddress = (await files.text(OPENSHIFT_NODE_IP)).trim();
  const addresses = ['0.0.0.0', '::', ...(nodeAddress === '' ? [] : [nodeAddress])];
  return {
    role: "the node's CoreDNS",
    place: 'node',
    listens: addresses.map((address) => ({ address: canonicalAddress(address), port: 53 })),
    ownZones: [],
    routes,
    isAssumed: false,
  };
}

/**
 * tailscaled answers its own names, and asks the tailnet's servers or those it found before it came
 * for the others.
 */
export async function readTailscale(files: NodeFiles, named: readonly string[]): Promise<Service | null> {
  const backup = await readResolvConf(files, TAILSCALE_BACKUP);
  const isNamed = named.some((address) => TAILSCALE_ADDRESSES.includes(canonicalAddress(address)));
  if (!isNamed && backup.state !== 'read') return null;
  const targets = backup.nameservers.map(({ address, line }) =>
    toTarget(address, 53, `${TAILSCALE_BACKUP}:${line}`),
  );
  return {
    role: TAILSCALE_ROLE,
    place: 'node',
    listens: TAILSCALE_ADDRESSES.map((address) => ({ address: canonicalAddress(address), port: 53 })),
    ownZones: ['ts.net'],
    routes: targets.length === 0 ? [] : [{ zone: '.', targets, unknown: '' }],
    isAssumed: false,
  };
}
