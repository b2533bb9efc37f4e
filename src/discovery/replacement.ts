// The search for the servers behind a loopback stub: goes through the sources in their order,
// checks every candidate like the stub itself, and stops at the first that serves. Called by
// discover.
import type { ListenAddress } from '../config/config.ts';
import type { Notice } from './discovery.ts';
import { type InterfaceAddress, isLoopback, isOwnAddress, isUnspecified } from './loopback.ts';
import { describeLoopbackSource } from './notices.ts';
import { canonicalAddress, formatEndpoint } from './server-address.ts';
import { SOURCE_READERS } from './sources/all.ts';
import type { FoundServer, FoundZone, SourceContext, SourceFacts, SourceReader } from './sources/source.ts';

/**
 * own: we listen there. stub: loopback, port 53. unreachable: the node's loopback, seen from a
 * container.
 */
export type Verdict = 'good' | 'own' | 'stub' | 'unreachable';

/** What an address is judged against. */
export interface Surroundings {
  readonly listen: readonly ListenAddress[];
  readonly interfaces: readonly InterfaceAddress[];
  /** The files are a node's, seen from a container: its loopback is not ours. */
  readonly isForeign: boolean;
}

/** Whether a server found in the node's files may be an upstream. */
export function judgeServer(address: string, port: number, surroundings: Surroundings): Verdict {
  if (isOwnAddress(address, port, surroundings.listen, surroundings.interfaces)) return 'own';
  if (!isLoopback(address) && !isUnspecified(address)) return 'good';
  if (surroundings.isForeign) return 'unreachable';
  // On another port it is a server that somebody put there on purpose.
  return port === 53 ? 'stub' : 'good';
}

export interface Replacement {
  /** Empty: no source knows of a usable server. */
  readonly servers: readonly FoundServer[];
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
      const servers = facts.servers.filter((server) => judgeFound(server, surroundings) === 'good');
      const refused = facts.servers.filter((server) => !servers.includes(server));
      notices.push(...describeRefused(facts, refused));
      leadsToUs ||= refused.some((server) => judgeFound(server, surroundings) === 'own');
      if (servers.length > 0) return { servers, zones: mergeZones(zones), leadsToUs, notices };
    }
  }
  return { servers: [], zones: mergeZones(zones), leadsToUs, notices };
}

function judgeFound(server: FoundServer, surroundings: Surroundings): Verdict {
  return judgeServer(server.address, server.port || 53, surroundings);
}

function describeRefused(facts: SourceFacts, refused: readonly FoundServer[]): Notice[] {
  const byPath = new Map<string, string[]>();
  for (const { path, address, port } of refused) {
    byPath.set(path, [...(byPath.get(path) ?? []), formatEndpoint(address, port || 53)]);
  }
  return [...byPath].map(([path, servers]) => describeLoopbackSource(facts.source, path, servers));
}

function usableZones(zones: readonly FoundZone[], surroundings: Surroundings): FoundZone[] {
  return zones
    .map(({ suffix, servers }) => ({
      suffix,
      servers: servers.filter((server) => judgeFound(server, surroundings) === 'good'),
    }))
    .filter(({ servers }) => servers.length > 0);
}

/** One entry per suffix, each server once. */
function mergeZones(zones: readonly FoundZone[]): FoundZone[] {
  const merged = new Map<string, FoundServer[]>();
  for (const { suffix, servers } of zones) merged.set(suffix, [...(merged.get(suffix) ?? []), ...servers]);
  return [...merged].map(([suffix, servers]) => ({ suffix, servers: dedupeServers(servers) }));
}

interface Endpoint {
  readonly address: string;
  readonly port: number;
  readonly serverName?: string;
}

/** Keeps the first of each address, port and name; an address without a port is on 53. */
export function dedupeServers<Server extends Endpoint>(servers: readonly Server[]): Server[] {
  const seen = new Set<string>();
  return servers.filter((server) => {
    const key = endpointKey(server);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** True when both lists hold the same servers, in whatever order. */
export function isSameSet(a: readonly Endpoint[], b: readonly Endpoint[]): boolean {
  const keys = new Set(a.map(endpointKey));
  return keys.size === new Set(b.map(endpointKey)).size && b.every((server) => keys.has(endpointKey(server)));
}

function endpointKey({ address, port, serverName }: Endpoint): string {
  return `${canonicalAddress(address)} ${port || 53} ${serverName ?? ''}`;
}
