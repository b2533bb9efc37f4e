// What systemd-resolved knows of each link and its resolv.conf cannot say: ports, certificate
// names, routing domains. Read from the state files that networkd (/run/systemd/netif/links) and
// resolved (/run/systemd/resolve/netif) keep, and from its own configuration with the delegates.
import { posix } from 'node:path';
import type { FoundUpstream } from '../../base/endpoint.ts';
import type { FoundZone } from '../discovery.ts';
import type { NodeFiles } from '../node-files.ts';
import { isLinkLocal } from '../server-address.ts';
import { readDnsDelegates } from './dns-delegate.ts';
import {
  parseBoolean,
  parseOverTls,
  parseServers,
  type ResolvedConf,
  readResolvedConf,
  transportOf,
} from './resolved-conf.ts';
import { parseKeyValues, type SourceContext, type SourceFacts, splitWords, toSuffix } from './source.ts';

const NETWORKD_LINKS = '/run/systemd/netif/links';
const RESOLVED_LINKS = '/run/systemd/resolve/netif';

export interface ResolvedLink {
  readonly index: number;
  readonly upstreams: readonly FoundUpstream[];
  /** Suffixes, '.' for the root; names under them go to this link. */
  readonly domains: readonly string[];
  /** Whether names that no link claims go here too. */
  readonly isDefaultRoute: boolean;
  readonly path: string;
}

export interface ResolvedState {
  readonly conf: ResolvedConf;
  readonly links: readonly ResolvedLink[];
  /** For names under no zone, as resolved would choose. */
  readonly upstreams: readonly FoundUpstream[];
  readonly zones: readonly FoundZone[];
  /**
   * True when '~.' claims every other name for some of the servers: the rest serve their zones
   * only.
   */
  readonly isExclusive: boolean;
  /** Every server that resolved knows, for what its resolv.conf leaves out. */
  readonly known: readonly FoundUpstream[];
}

/** Reads the state of all links and resolved's own configuration. */
export async function readResolvedState(files: NodeFiles): Promise<ResolvedState> {
  const conf = await readResolvedConf(files);
  const links = await readLinks(files, conf);
  const withServers = links.filter((link) => link.upstreams.length > 0);
  const globalDomains = conf.domains
    .map((domain) => toSuffix(domain.replace(/^~/, '')))
    .filter((d) => d !== '');

  const scopes = withServers.map((link) => ({
    domains: link.domains,
    upstreams: link.upstreams,
    isDefaultRoute: link.isDefaultRoute,
  }));
  if (conf.dns.length > 0) {
    scopes.unshift({ domains: globalDomains, upstreams: conf.dns, isDefaultRoute: true });
  }
  // A delegate alone does not end the use of FallbackDNS=.
  const hasServers = scopes.length > 0;
  scopes.push(...(await readDnsDelegates(files, transportOf(conf.overTls))));

  const exclusive = scopes.filter((scope) => scope.domains.includes('.'));
  const chosen = exclusive.length > 0 ? exclusive : scopes.filter((scope) => scope.isDefaultRoute);
  let upstreams = chosen.flatMap((scope) => scope.upstreams);
  if (!hasServers && exclusive.length === 0) upstreams = [...upstreams, ...conf.fallbackDns];

  const zones = new Map<string, FoundUpstream[]>();
  for (const scope of scopes) {
    for (const suffix of scope.domains) {
      if (suffix !== '.') zones.set(suffix, [...(zones.get(suffix) ?? []), ...scope.upstreams]);
    }
  }
  return {
    conf,
    links,
    upstreams,
    zones: [...zones].map(([suffix, list]) => ({ suffix, upstreams: list })),
    isExclusive: exclusive.length > 0,
    known: [...conf.dns, ...withServers.flatMap((link) => link.upstreams), ...conf.fallbackDns],
  };
}

/**
 * The source: resolved's servers put together from its state, for when its resolv.conf is not
 * there.
 */
export async function readResolvedStateSource(context: SourceContext): Promise<SourceFacts[]> {
  const { upstreams, zones } = await readResolvedState(context.files);
  return upstreams.length + zones.length === 0 ? [] : [{ source: 'resolved-state', upstreams, zones }];
}

async function readLinks(files: NodeFiles, conf: ResolvedConf): Promise<ResolvedLink[]> {
  const networkd = await files.list(NETWORKD_LINKS);
  const resolved = await files.list(RESOLVED_LINKS);
  const indexes = [...new Set([...networkd, ...resolved])].filter((name) => /^\d{1,9}$/.test(name));
  indexes.sort((a, b) => Number(a) - Number(b));
  const links: ResolvedLink[] = [];
  for (const name of indexes) {
    const path = posix.join(NETWORKD_LINKS, name);
    const values = networkd.includes(name)
      ? parseKeyValues(await files.text(path))
      : new Map<string, string>();
    if (/^(off|no-carrier|missing)$/.test(values.get('OPER_STATE') ?? '')) continue;
    // resolved keeps a file of its own only for links that networkd does not manage.
    const isManaged = values.size > 0 && values.get('ADMIN_STATE') !== 'unmanaged';
    if (isManaged) {
      links.push(networkdLink(Number(name), values, path, conf));
    } else if (resolved.includes(name)) {
      const ownPath = posix.join(RESOLVED_LINKS, name);
      links.push(resolvedLink(Number(name), parseKeyValues(await files.text(ownPath)), ownPath, conf));
    }
  }
  return links;
}

function networkdLink(
  index: number,
  values: Map<string, string>,
  path: string,
  conf: ResolvedConf,
): ResolvedLink {
  const routeDomains = splitWords(values.get('ROUTE_DOMAINS') ?? '').map(
    (domain) => `~${domain.replace(/^~/, '')}`,
  );
  const domains = [...splitWords(values.get('DOMAINS') ?? ''), ...routeDomains];
  return toLink(index, path, conf, domains, {
    servers: values.get('DNS') ?? '',
    overTls: values.get('DNS_OVER_TLS') ?? '',
    defaultRoute: values.get('DNS_DEFAULT_ROUTE') ?? '',
  });
}

function resolvedLink(
  index: number,
  values: Map<string, string>,
  path: string,
  conf: ResolvedConf,
): ResolvedLink {
  return toLink(index, path, conf, splitWords(values.get('DOMAINS') ?? ''), {
    servers: values.get('SERVERS') ?? '',
    overTls: values.get('DNSOVERTLS') ?? '',
    defaultRoute: values.get('DEFAULT_ROUTE') ?? '',
  });
}

function toLink(
  index: number,
  path: string,
  conf: ResolvedConf,
  domains: readonly string[],
  texts: { readonly servers: string; readonly overTls: string; readonly defaultRoute: string },
): ResolvedLink {
  const overTls = parseOverTls(texts.overTls) || conf.overTls;
  const upstreams = parseServers(texts.servers, path, transportOf(overTls)).map((upstream) => {
    const { host } = upstream.endpoint;
    if (!isLinkLocal(host) || host.includes('%')) return upstream;
    return { ...upstream, endpoint: { ...upstream.endpoint, host: `${host}%${index}` } };
  });
  const suffixes = domains
    .map((domain) => toSuffix(domain.replace(/^~/, '')))
    .filter((suffix) => suffix !== '');
  // A link with routing domains only takes no other names, unless it is told to
  // (systemd-resolved.service(8)).
  const hasRouteOnly = domains.some((domain) => domain.startsWith('~')) && !suffixes.includes('.');
  const isDefaultRoute = parseBoolean(texts.defaultRoute) ?? !hasRouteOnly;
  return { index, upstreams, domains: [...new Set(suffixes)], isDefaultRoute, path };
}
