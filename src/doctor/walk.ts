// Follows a query from server to server until it leaves this node, comes back, or disappears where
// no file says more. Called by diagnose for each kind of client.
import { canonicalAddress } from '../base/ip-address.ts';
import { isLoopback, isUnspecified } from '../discovery/loopback.ts';
import type { Hop, HopState } from './report.ts';
import {
  hostOf,
  isUnder,
  listensOn,
  type Place,
  type Route,
  routeFor,
  type Service,
  type Target,
} from './service.ts';

/**
 * More servers in a row than anyone chains; bounds the picture, the visited set already ends
 * circles.
 */
const MAX_DEPTH = 8;

/** What loopback is in a pod. */
export const POD_ITSELF = 'the pod itself';

/** What the walk knows. */
export interface Surroundings {
  readonly services: readonly Service[];
  /**
   * What an address is known to be, where no service answers there ("NAT of the virtual machine's
   * host").
   */
  readonly describe: (address: string) => string;
  /** Addresses of this machine beyond loopback, canonical; a pod reaches them too. */
  readonly ownAddresses: ReadonlySet<string>;
  /** Servers that were asked, from there, and do not exist. */
  readonly isDead: (target: Target, place: Place) => boolean;
}

/** Where a query is on its way. */
export interface Position {
  readonly place: Place;
  /** The servers it passed. */
  readonly passed: readonly Service[];
  /** The names followed; null: every route is shown. */
  readonly zone: string | null;
  /** Something on the way is guessed, so that a circle is no certainty. */
  readonly isAssumed: boolean;
}

/** Where one target leads. `label`: the zone whose route names it. */
export function followTarget(target: Target, label: string, at: Position, around: Surroundings): Hop {
  const hop = (role: string, state: HopState, next: readonly Hop[] = []): Hop => ({
    zone: label,
    server: target.text,
    role,
    source: target.source,
    state,
    next,
  });
  const circle: HopState = at.isAssumed ? 'wouldLoop' : 'loops';
  const host = hostOf(target);
  const isLocal = isLoopback(host) || isUnspecified(host);
  const isOwn = around.ownAddresses.has(canonicalAddress(host));
  const service =
    findService(target, at, around.services, isLocal) ?? (isOwn ? findOwn(target, around) : null);
  if (service !== null && at.passed.includes(service)) {
    return hop(at.passed.at(-1) === service ? `${service.role} itself` : `${service.role} again`, circle);
  }
  if (service === null) {
    if (at.place === 'pod' && isLocal && target.endpoint?.port === 53) return hop(POD_ITSELF, 'wouldLoop');
    if (around.isDead(target, at.place)) return hop(around.describe(host), 'dead');
    return hop(around.describe(host), isLocal || isOwn ? 'unknown' : 'ok');
  }
  if (around.isDead(target, at.place)) return hop(service.role, 'dead');
  if (at.zone !== null && service.ownZones.some((own) => isUnder(at.zone!, own)))
    return hop(service.role, 'ok');
  if (at.passed.length >= MAX_DEPTH) return hop(service.role, 'unknown');
  const routes = at.zone === null ? service.routes : [routeFor(service, at.zone)].filter((r) => r !== null);
  const next = followRoutes(routes, service, at, around);
  // Nothing to send on to: it answers from what it knows.
  if (next.length === 0 && routes.length === 0) return hop(service.role, 'ok');
  return hop(service.role, next.length === 0 ? 'unknown' : 'ok', next);
}

/** Where the routes of a service lead. */
export function followRoutes(
  routes: readonly Route[],
  service: Service,
  at: Position,
  around: Surroundings,
): Hop[] {
  return routes.flatMap((route) => {
    const onward: Position = {
      place: service.place,
      passed: [...at.passed, service],
      zone: route.zone === '.' ? (at.zone ?? '.') : route.zone,
      isAssumed: at.isAssumed || service.isAssumed,
    };
    if (route.unknown !== '') {
      return [
        {
          zone: route.zone,
          server: '?',
          role: route.unknown,
          source: '',
          state: 'unknown' as const,
          next: [],
        },
      ];
    }
    return route.targets.map((target) => followTarget(target, route.zone, onward, around));
  });
}

function findService(
  target: Target,
  at: Position,
  services: readonly Service[],
  isLocal: boolean,
): Service | null {
  const { endpoint } = target;
  if (endpoint === null) return null;
  const isAskedAt = (service: Service) => listensOn(service, endpoint.host, endpoint.port);
  // In a pod, loopback is the pod: the server that asks, or another container in the same pod.
  if (at.place === 'pod' && isLocal) {
    const last = at.passed.at(-1);
    if (last !== undefined && isAskedAt(last)) return last;
    const isNeighbor = (service: Service) =>
      service.role === 'unloop' && (last !== undefined || service.place === 'pod');
    return services.find((s) => isNeighbor(s) && isAskedAt(s)) ?? null;
  }
  return services.find((service) => (!isLocal || service.place === 'node') && isAskedAt(service)) ?? null;
}

/**
 * The server of the node that answers on its addresses, where one does on loopback; resolved's stub
 * does not.
 */
function findOwn({ endpoint }: Target, { services }: Surroundings): Service | null {
  if (endpoint === null) return null;
  const { host, port } = endpoint;
  const answers = (service: Service) =>
    service.place === 'node' && (listensOn(service, host, port) || listensOn(service, '127.0.0.1', port));
  return services.find(answers) ?? null;
}

/** Every hop on all the ways. */
export function allHops(hops: readonly Hop[]): Hop[] {
  return hops.flatMap((hop) => [hop, ...allHops(hop.next)]);
}

/** The ends of all the ways from a hop. */
export function leavesOf(hops: readonly Hop[]): Hop[] {
  return hops.flatMap((hop) => (hop.next.length === 0 ? [hop] : leavesOf(hop.next)));
}

/**
 * The servers from the first hop to the first end in that state, as text; empty when there is none.
 */
export function wayTo(state: HopState, hops: readonly Hop[]): string[] {
  for (const hop of hops) {
    if (hop.state === state) return [hop.server];
    const rest = wayTo(state, hop.next);
    if (rest.length > 0) return [hop.server, ...rest];
  }
  return [];
}
