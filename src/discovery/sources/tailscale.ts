// Tailscale's MagicDNS server, 100.100.100.100: where resolv.conf names it, the tailnet's names are
// its own, and whatever else it is asked it forwards to the servers that resolv.conf named before
// (https://tailscale.com/kb/1081/magicdns and /kb/1235/resolv-conf). Called by search and all.
import { type FoundUpstream, foundIn, plainEndpoint } from '../../base/endpoint.ts';
import type { FoundZone } from '../discovery.ts';
import type { NodeFiles } from '../node-files.ts';
import { parseResolvConf, type ResolvConf } from '../resolv-conf.ts';
import { readServerFiles, type SourceContext, type SourceFacts, toSuffix } from './source.ts';

/** Both are fixed addresses of every tailnet (https://tailscale.com/kb/1033/ip-and-dns-addresses). */
const ADDRESSES = new Set(['100.100.100.100', 'fd7a:115c:a1e0::53']);
/** What resolv.conf was before tailscaled wrote it; there only as long as it owns the file. */
const TAILSCALE_BACKUP = '/etc/resolv.pre-tailscale-backup.conf';
/** Under this suffix are the names of every tailnet. */
const TAILNETS = /(^|\.)ts\.net$/;

export interface MagicDns {
  /** The tailnet's domains, each with MagicDNS as its only server. */
  readonly zones: readonly FoundZone[];
  /** What it forwards other names to. */
  readonly behind: readonly FoundUpstream[];
}

export function isMagicDns(address: string): boolean {
  return ADDRESSES.has(address.toLowerCase());
}

/**
 * What resolv.conf says of MagicDNS; null when it does not name it. In a file that tailscaled wrote
 * all search domains are its own; in others those of tailnets.
 */
export async function readMagicDns(files: NodeFiles, conf: ResolvConf): Promise<MagicDns | null> {
  const servers = conf.nameservers.filter(({ address }) => isMagicDns(address));
  if (servers.length === 0) return null;
  const upstreams = servers.map(({ address }) => foundIn(conf.path, plainEndpoint(address)));
  const isWrittenByIt = conf.nameservers.length === servers.length;
  const suffixes = conf.search
    .map(toSuffix)
    .filter((suffix) => suffix !== '' && suffix !== '.' && (isWrittenByIt || TAILNETS.test(suffix)));
  const before = parseResolvConf(await files.text(TAILSCALE_BACKUP), TAILSCALE_BACKUP).nameservers;
  return {
    zones: [...new Set(suffixes)].map((suffix) => ({ suffix, upstreams })),
    behind: before.map(({ address }) => foundIn(TAILSCALE_BACKUP, plainEndpoint(address))),
  };
}

/** The source: the resolv.conf that tailscaled put aside when it wrote its own. */
export async function readTailscaleSource({ files }: SourceContext): Promise<SourceFacts[]> {
  return readServerFiles(files, 'tailscale', [TAILSCALE_BACKUP]);
}
