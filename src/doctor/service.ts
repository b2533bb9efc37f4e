// DNS servers that the doctor can look into: which addresses they answer on and where they send
// what they do not know. Made by local-servers, cluster-dns and unloop-server; followed by walk.
import { isIP } from 'node:net';
import { type Endpoint, type FoundUpstream, plainEndpoint, plainPortOf } from '../base/endpoint.ts';
import { formatHostAndPort } from '../base/host-and-port.ts';
import { canonicalAddress } from '../base/ip-address.ts';

/** In whose network a server or client is. A pod in the node's network counts as the node. */
export type Place = 'node' | 'pod';

/** A server as some file names it. */
export interface Target {
  /** Null: no single server ("the root servers"), or one that cannot be told from its text. */
  readonly endpoint: Endpoint | null;
  /** As people write it: "10.0.0.2", "127.0.0.1:5353", "tls://9.9.9.9". */
  readonly text: string;
  /** FILE or FILE:LINE. */
  readonly source: string;
}

/** Where names under a suffix go. */
export interface Route {
  /** Lower case, no trailing dot; '.' for every other name. */
  readonly zone: string;
  readonly targets: readonly Target[];
  /** Why the targets are not known; '' when they are. */
  readonly unknown: string;
}

/** One server whose configuration can be read or guessed. */
export interface Service {
  readonly role: string;
  readonly place: Place;
  /** Where it answers, canonical; 0.0.0.0 and :: stand for every loopback address. */
  readonly listens: readonly { readonly address: string; readonly port: number }[];
  /** Names it answers itself, and sends nowhere. */
  readonly ownZones: readonly string[];
  readonly routes: readonly Route[];
  /** Its routes are what is usual, not what was read. */
  readonly isAssumed: boolean;
}

/** The target as written in most files: an address on port 53 unless stated. */
export function toTarget(host: string, port: number, source: string): Target {
  const text = port === 53 ? host : formatHostAndPort(host, port);
  return { endpoint: plainEndpoint(host, port), text, source };
}

/** What discovery found, as the files name it: whether it is asked over TLS stands elsewhere. */
export function targetOf({ endpoint, origin }: FoundUpstream): Target {
  return toTarget(endpoint.host, plainPortOf(endpoint), origin.source);
}

/** '' where there is no single server. */
export function hostOf({ endpoint }: Target): string {
  return endpoint?.host ?? '';
}

/** Asked by plain DNS at an address. */
export function plainEndpointOf({ endpoint, text }: Target): Endpoint | null {
  return endpoint === null || isIP(endpoint.host) === 0 || text.includes('://') ? null : endpoint;
}

/** Whether the service answers on address:port (as seen from its own place). */
export function listensOn(service: Service, address: string, port: number): boolean {
  const canonical = canonicalAddress(address);
  const isLoopback = canonical.startsWith('127.') || canonical === '::1';
  return service.listens.some(
    (listen) =>
      listen.port === port &&
      (listen.address === canonical ||
        (isLoopback && (listen.address === '0.0.0.0' || listen.address === '::'))),
  );
}

/** The route for names under a zone: the longest suffix that holds it; null when no route does. */
export function routeFor(service: Service, zone: string): Route | null {
  let best: Route | null = null;
  for (const route of service.routes) {
    if (!isUnder(zone, route.zone)) continue;
    if (best === null || best.zone === '.' || route.zone.length > best.zone.length) best = route;
  }
  return best;
}

/** Whether a name, or every name of a zone, lies under a suffix. */
export function isUnder(zone: string, suffix: string): boolean {
  return suffix === '.' || zone === suffix || zone.endsWith(`.${suffix}`);
}
