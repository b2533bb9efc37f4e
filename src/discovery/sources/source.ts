// What a source is: one place where a node keeps the real DNS servers behind its loopback stub.
// Readers state facts; which of them are used is decided in replacement.
import { type FoundUpstream, foundIn, plainEndpoint } from '../../base/endpoint.ts';
import type { FoundZone } from '../discovery.ts';
import type { NodeFiles } from '../node-files.ts';
import { parseResolvConf } from '../resolv-conf.ts';

export type SourceName =
  | 'resolved-file'
  | 'resolved-state'
  | 'NetworkManager'
  | 'docker'
  | 'talos'
  | 'dnsmasq'
  | 'resolvconf'
  | 'openwrt'
  | 'connman'
  | 'tailscale'
  | 'netplan'
  | 'networkd'
  | 'cloud-init'
  | 'dhcp';

/** One group of upstreams that belong together. */
export interface SourceFacts {
  readonly source: SourceName;
  readonly upstreams: readonly FoundUpstream[];
  readonly zones: readonly FoundZone[];
}

/** What a reader may need beyond the files. */
export interface SourceContext {
  readonly files: NodeFiles;
  /** The path of the resolv.conf that names the stub. */
  readonly resolvConf: string;
  /**
   * Loopback servers on port 53 that may be dnsmasq and are not us; empty when they must not be
   * asked.
   */
  readonly stubs: readonly string[];
  /**
   * Asks a server which servers it uses (CH TXT servers.bind); texts as dnsmasq writes them, null:
   * no answer.
   */
  readonly askServersBind: (address: string, port: number) => Promise<string[] | null>;
  /** Wall clock, for the expiry of leases. */
  readonly wallClockMs: number;
}

/** Gives its groups in the order in which they are to be trusted. Never throws. */
export type SourceReader = (context: SourceContext) => Promise<SourceFacts[]>;

/** Reads files in resolv.conf's format into one group; none where none of them names a server. */
export async function readServerFiles(
  files: NodeFiles,
  source: SourceName,
  paths: readonly string[],
): Promise<SourceFacts[]> {
  const upstreams: FoundUpstream[] = [];
  for (const path of paths) {
    for (const { address } of parseResolvConf(await files.text(path), path).nameservers) {
      upstreams.push(foundIn(path, plainEndpoint(address)));
    }
  }
  return upstreams.length === 0 ? [] : [{ source, upstreams, zones: [] }];
}

/**
 * A domain as a zone's suffix: lower case, no trailing dot; '.' for the root; '' if it is not one.
 */
export function toSuffix(domain: string): string {
  if (domain === '.') return '.';
  const suffix = domain.toLowerCase().replace(/\.$/, '');
  return suffix.length <= 253 && /^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/.test(suffix) ? suffix : '';
}

/** KEY=VALUE lines (systemd's state files); the last of a key wins, quotes are taken off. */
export function parseKeyValues(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*([A-Za-z0-9_]+)\s*=(.*)$/.exec(line);
    if (match !== null) values.set(match[1]!, match[2]!.trim().replace(/^(["'])(.*)\1$/, '$2'));
  }
  return values;
}

/** The words of a list. */
export function splitWords(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
