// Finds the machine's upstreams: the servers of resolv.conf, with loopback stubs and our own
// addresses replaced by what is behind them. Called by the control plane at start and reload, by
// watch, and by the doctor.
import {
  type Endpoint,
  type FoundUpstream,
  FROM_CONFIGURATION,
  isFromConfiguration,
  plainEndpoint,
} from '../base/endpoint.ts';
import type { Discovery } from './discovery.ts';
import * as say from './notices.ts';
import { type ResolvConf, readResolvConf } from './resolv-conf.ts';
import { type DiscoverOptions, Search } from './search.ts';

/** The stubs that distributions install; given explicitly on port 53 they are rewritten as well. */
const CONFIGURED_STUBS = new Set(['127.0.0.53', '127.0.1.1', '127.0.0.1', '::1']);

/**
 * Reads resolv.conf and finds the servers behind its stubs. Never rejects: errors are in the
 * notices.
 */
export async function discoverUpstreams(options: DiscoverOptions): Promise<Discovery> {
  const search = new Search(options);
  const conf = await readResolvConf(search.files, options.resolvConf);
  search.notices.push(...say.describeResolvConf(conf));
  await search.readTailnet(conf);
  const candidates = conf.nameservers.map(({ address }) => search.judge(plainEndpoint(address)));
  await search.lookBehind(conf.state === 'read' ? candidates : [search.libcDefault()]);

  const found = candidates.flatMap((candidate) => search.settle(candidate, conf.path));
  if (conf.state !== 'read' && search.hasReplacement) {
    found.push(...search.replace('127.0.0.1:53', conf.path));
  }
  const upstreams = search.limit(found);
  const zones = search.takeZones(upstreams);
  if (upstreams.length === 0) search.notices.push(say.describeNoUpstream(conf.path));
  return finish(search, conf, upstreams, { upstreams, zones });
}

/**
 * Replaces stubs (127.0.0.53 and its like, port 53) among explicitly configured upstreams; leaves
 * every other alone.
 */
export async function rewriteConfigured(
  endpoints: readonly Endpoint[],
  options: DiscoverOptions,
): Promise<Discovery> {
  const search = new Search(options);
  const candidates = endpoints.map((endpoint) =>
    isConfiguredStub(endpoint) ? search.judgeConfigured(endpoint) : null,
  );
  await search.lookBehind(candidates.filter((candidate) => candidate !== null));

  const settled: FoundUpstream[] = [];
  for (const [index, endpoint] of endpoints.entries()) {
    const candidate = candidates[index]!;
    const found = candidate === null ? null : search.settle(candidate, 'the configuration');
    const isKept = found === null || (found.length === 1 && found[0]!.origin.replaces === null);
    if (isKept) settled.push({ endpoint, origin: FROM_CONFIGURATION });
    else settled.push(...found);
  }
  const discovered = search.limit(settled.filter((upstream) => !isFromConfiguration(upstream)));
  const zones = search.takeZones(discovered);
  if (settled.length === 0) search.notices.push(say.describeNoUpstream('the configuration'));
  const isListed = (upstream: FoundUpstream) =>
    isFromConfiguration(upstream) || discovered.includes(upstream);
  return finish(search, null, discovered, { upstreams: settled.filter(isListed), zones });
}

function isConfiguredStub({ transport, host, port }: Endpoint): boolean {
  const isPlain = transport === 'udp' || transport === 'tcp';
  return isPlain && port === 53 && CONFIGURED_STUBS.has(host);
}

function finish(
  search: Search,
  conf: ResolvConf | null,
  discovered: readonly FoundUpstream[],
  found: Pick<Discovery, 'upstreams' | 'zones'>,
): Discovery {
  const { files, notices, keptStubs } = search;
  const overTls = discovered.filter(({ endpoint }) => endpoint.transport === 'tls');
  if (overTls.length > 0) notices.push(say.describeOverTls(overTls.map(({ endpoint }) => endpoint.host)));
  for (const finding of files.unreadable) {
    if (finding.path !== conf?.path) notices.push(say.describeUnreadable(finding));
  }
  notices.push(...files.detached.map(say.describeDetached));
  const resolvConfState = conf?.state ?? 'read';
  return { ...found, notices, files: files.touched, resolvConfState, keptStubs };
}
