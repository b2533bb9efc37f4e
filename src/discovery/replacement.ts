// The search for the servers behind a loopback stub: goes through the sources in their order,
// checks every candidate like the stub itself, and stops at the first that serves. Called by
// search.
import {
  type Endpoint,
  endpointKey,
  type FoundUpstream,
  formatEndpoint,
  plainPortOf,
} from '../base/endpoint.ts';
import type { ListenAddress } from '../config/config.ts';
import type { FoundZone, Notice } from './discovery.ts';
import { type InterfaceAddress, isLoopback, isOwnAddress, isUnspecified } from './loopback.ts';
import { describeLoopbackSource } from './notices.ts';
import { SOURCE_READERS } from './sources/all.ts';
import { DOCKER_STUB } from './sources/docker.ts';
import type { SourceContext, SourceFacts, SourceReader } from './sources/source.ts';

/**
 * own: we listen there. stub: loopback, port 53. unreachable: the node's loopback, seen from a
 * container. circular: it forwards to us.
 */
export type Verdict = 'good' | 'own' | 'stub' | 'unreachable' | 'circular';

/** What an address is judged against. */
export interface Surroundings {
  readonly listen: readonly ListenAddress[];
  readonly interfaces: readonly InterfaceAddress[];
  /** The files are a node's, seen from a container: its loopback is not ours. */
  readonly isForeign: boolean;
}

/**
 * Whether a server found in the node's files may be an upstream. One that is asked over TLS on its
 * usual port is judged as if on port 53: it is the same program that answers there.
 */
export function judgeEndpoint(endpoint: Endpoint, surroundings: Surroundings): Verdict {
  const { host } = endpoint;
  const port = plainPortOf(endpoint);
  // Docker sends what is for this address to its own server, whoever listens on all addresses.
  const isListened = surroundings.listen.some((own) => own.host === host && own.port === port);
  if (host === DOCKER_STUB && port === 53 && !surroundings.isForeign && !isListened) return 'stub';
  if (isOwnAddress(host, port, surroundings.listen, surroundings.interfaces)) return 'own';
  if (!isLoopback(host) && !isUnspecified(host)) return 'good';
  if (surroundings.isForeign) return 'unreachable';
  // On another port it is a server that somebody put there on purpose.
  return port === 53 ? 'stub' : 'good';
}

export interface Replacement {
  /** Empty: no source knows of a usable one. */
  readonly upstreams: readonly FoundUpstream[];
  readonly zones: readonly FoundZone[];
  /** A source says that the stub's own servers include us: using the stub would be a loop. */
  readonly leadsToUs: boolean;
  readonly notices: readonly Notice[];
}

/** Finds the servers behind a stub. */
export async function findReplacement(
  context: SourceContext,
  surroundings: Surroundings,
  readers: readonly SourceReader[] = SOURCE_READERS,
): Promise<Replacement> {
  const notices: Notice[] = [];
  const zones: FoundZone[] = [];
  let leadsToUs = false;
  for (const reader of readers) {
    for (const facts of await reader(context)) {
      zones.push(...usableZones(facts.zones, surroundings));
      const upstreams = facts.upstreams.filter(({ endpoint }) => isGood(endpoint, surroundings));
      const refused = facts.upstreams.filter((upstream) => !upstreams.includes(upstream));
      notices.push(...describeRefused(facts, refused));
      leadsToUs ||= refused.some(({ endpoint }) => judgeEndpoint(endpoint, surroundings) === 'own');
      if (upstreams.length > 0) return { upstreams, zones: mergeZones(zones), leadsToUs, notices };
    }
  }
  return { upstreams: [], zones: mergeZones(zones), leadsToUs, notices };
}

function isGood(endpoint: Endpoint, surroundings: Surroundings): boolean {
  return judgeEndpoint(endpoint, surroundings) === 'good';
}

function describeRefused(facts: SourceFacts, refused: readonly FoundUpstream[]): Notice[] {
  const byPath = new Map<string, string[]>();
  for (const { endpoint, origin } of refused) {
    byPath.set(origin.source, [...(byPath.get(origin.source) ?? []), formatEndpoint(endpoint)]);
  }
  return [...byPath].map(([path, servers]) => describeLoopbackSource(facts.source, path, servers));
}

function usableZones(zones: readonly FoundZone[], surroundings: Surroundings): FoundZone[] {
  return zones
    .map(({ suffix, upstreams }) => ({
      suffix,
      upstreams: upstreams.filter(({ endpoint }) => isGood(endpoint, surroundings)),
    }))
    .filter(({ upstreams }) => upstreams.length > 0);
}

/** One entry per suffix, each upstream once. */
export function mergeZones(zones: readonly FoundZone[]): FoundZone[] {
  const merged = new Map<string, FoundUpstream[]>();
  for (const { suffix, upstreams } of zones)
    merged.set(suffix, [...(merged.get(suffix) ?? []), ...upstreams]);
  return [...merged].map(([suffix, upstreams]) => ({ suffix, upstreams: dedupe(upstreams) }));
}

/** Keeps the first of each endpoint. */
export function dedupe(upstreams: readonly FoundUpstream[]): FoundUpstream[] {
  const seen = new Set<string>();
  return upstreams.filter(({ endpoint }) => {
    const key = endpointKey(endpoint);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** True when both lists hold the same endpoints, in whatever order. */
export function isSameSet(a: readonly FoundUpstream[], b: readonly FoundUpstream[]): boolean {
  const keys = new Set(a.map(({ endpoint }) => endpointKey(endpoint)));
  const others = new Set(b.map(({ endpoint }) => endpointKey(endpoint)));
  return keys.size === others.size && [...others].every((key) => keys.has(key));
}
