// AdGuard Home on the node: where it listens and its upstreams (the dns section of
// AdGuardHome.yaml). Called by local-servers.
import { parse } from 'yaml';
import { canonicalAddress } from '../base/ip-address.ts';
import type { NodeFiles } from '../discovery/node-files.ts';
import { toSuffix } from '../discovery/sources/source.ts';
import { parseForwardTarget } from './corefile.ts';
import { asTexts } from './kubelet-facts.ts';
import { type Route, type Service, type Target, toTarget } from './service.ts';

const PATHS = [
  '/opt/AdGuardHome/AdGuardHome.yaml',
  '/var/snap/adguard-home/current/AdGuardHome.yaml',
  '/etc/adguardhome.yaml',
];

/** Null when it is not installed where its installers put it, or its file cannot be read as one. */
export async function readAdGuardHome(files: NodeFiles): Promise<Service | null> {
  for (const path of PATHS) {
    const reading = await files.read(path);
    if (reading.kind !== 'text') continue;
    let dns: Record<string, unknown>;
    try {
      dns =
        (
          parse(reading.text, { logLevel: 'error', prettyErrors: false }) as {
            dns?: Record<string, unknown>;
          } | null
        )?.dns ?? {};
    } catch {
      // The stub is then one of which nothing is known, which the report says.
      return null;
    }
    const port = typeof dns.port === 'number' ? dns.port : 53;
    const hosts = asTexts(dns.bind_hosts ?? dns.bind_host);
    return {
      role: 'AdGuard Home',
      place: 'node',
      listens: (hosts.length === 0 ? ['0.0.0.0'] : hosts).map((host) => ({
        address: canonicalAddress(host),
        port,
      })),
      ownZones: [],
      routes: readUpstreams(asTexts(dns.upstream_dns), path),
      isAssumed: false,
    };
  }
  return null;
}

/**
 * "10.0.0.2", "https://dns.example/dns-query", "[/corp.example/lab.example/]10.1.0.2"; '#' makes a
 * comment.
 */
function readUpstreams(lines: readonly string[], path: string): Route[] {
  const routes = new Map<string, Target[]>();
  for (const line of lines) {
    const match = /^(?:\[\/(.*)\/\])?(.*)$/.exec(line.trim())!;
    if (match[2] === '' || match[2]!.startsWith('#')) continue;
    const zones = match[1]?.split('/').map((zone) => toSuffix(zone)) ?? ['.'];
    for (const word of match[2]!.trim().split(/\s+/)) {
      const parsed = parseForwardTarget(word.replace(/^udp:\/\//, ''));
      const target =
        parsed.kind === 'server'
          ? {
              ...toTarget(parsed.host, parsed.port, path),
              ...(word.includes('://') ? { text: word } : {}),
            }
          : { endpoint: null, text: word, source: path };
      for (const zone of zones) {
        if (zone !== '') routes.set(zone, [...(routes.get(zone) ?? []), target]);
      }
    }
  }
  return [...routes].map(([zone, targets]) => ({ zone, targets, unknown: '' }));
}
