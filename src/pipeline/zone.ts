// A zone: a name suffix, its upstreams, how one of them is chosen, and what is in flight for it.
// Also the table that finds the zone of a name. Zone 0 is the root: everything else.
import { formatHostAndPort } from '../base/host-and-port.ts';
import type { NextAfter, Search } from '../config/config.ts';
import type { Selection } from '../upstream/selection.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { EdeCode } from '../wire/codes.ts';
import { type Ede, ede } from '../wire/ede.ts';
import { SuffixTable } from '../wire/suffix-table.ts';
import type { ClientQuery } from './client-query.ts';
import { ClientShares } from './client-shares.ts';
import type { Waiter } from './waiter.ts';

/**
 * A zone may take this many times the number of free slots, so that zones with dead upstreams leave
 * room for the others.
 */
const FREE_SHARE = 3;

/**
 * What is in flight for a zone. Outlives the Zone: flights of the old one still count after a
 * routing change.
 *
 * mayTake() says how many slots a zone may have; `clients` says which of its clients have them. If
 * there are no more, a slot passes from one client to another of the same zone, so that the two
 * decisions are independent.
 */
export class ZoneLoad {
  flights = 0;
  waiters = 0;
  readonly clients = new ClientShares<Waiter>();
  /** There is no other zone to leave room for. */
  isAlone = true;

  /**
   * Whether the zone, which has `own` of the `inUse` slots, may have one more; there are `limit` in
   * all.
   */
  mayTake(own: number, inUse: number, limit: number): boolean {
    return inUse < limit && (this.isAlone || own < FREE_SHARE * (limit - inUse));
  }

  addWaiter(waiter: Waiter): void {
    this.waiters++;
    this.clients.add(waiter);
  }

  removeWaiter(waiter: Waiter): void {
    this.waiters--;
    this.clients.remove(waiter);
  }
}

/** What a zone is made of. */
export interface ZoneParts {
  /** Lower case, no trailing dot; '.' for the root. */
  readonly suffix: string;
  /** The suffix on the wire, folded. */
  readonly wireSuffix: Uint8Array;
  /**
   * Cache partition: replies from this zone's upstreams are found only under this number. It
   * changes when the upstreams do, so that data never crosses from one set of upstreams to another.
   */
  readonly partition: number;
  readonly upstreams: readonly Upstream[];
  /** Slots of this zone's use of each upstream in the shared state. */
  readonly routeSlots: readonly number[];
  readonly selection: Selection;
  /** A denied name ends the names below it (RFC 8020). Absent: no. */
  readonly nxdomainCut?: boolean | undefined;
  /** How names that search lists make are treated. Absent: as all others. */
  readonly search?: Search | undefined;
  /** The policy `sequential`: one upstream stands in for those before it. Absent: no. */
  readonly isRanked?: boolean;
  /** Upstreams asked at once. Absent: 1. */
  readonly race?: number | undefined;
  /** Answers after which the next upstream is asked. Absent: none but errors. */
  readonly next?: readonly NextAfter[] | undefined;
  /** The load of the zone that this one replaces: what is in flight for that one still counts. */
  readonly load?: ZoneLoad | undefined;
}

/**
 * One zone as a worker uses it. Replaced as a whole when routing changes; flights keep the zone
 * they started with.
 */
export class Zone {
  readonly suffix: string;
  readonly wireSuffix: Uint8Array;
  readonly partition: number;
  readonly upstreams: readonly Upstream[];
  readonly routeSlots: readonly number[];
  readonly selection: Selection;
  readonly load: ZoneLoad;
  readonly isRanked: boolean;
  readonly race: number;
  /** After NXDOMAIN, or NODATA, the next upstream may know more. */
  readonly nextAfterNxdomain: boolean;
  readonly nextAfterNodata: boolean;
  readonly nxdomainCut: boolean;
  readonly search: Search;
  /** No upstream may know names of a private network. */
  readonly isPublic: boolean;
  /** For each upstream, the EDE text of an answer to a query that came back. */
  readonly loopTexts: readonly Uint8Array[];
  readonly #unusableText: Uint8Array;

  constructor(parts: ZoneParts) {
    const { suffix, upstreams } = parts;
    this.suffix = suffix;
    this.wireSuffix = parts.wireSuffix;
    this.partition = parts.partition;
    this.upstreams = upstreams;
    this.routeSlots = parts.routeSlots;
    this.selection = parts.selection;
    this.isRanked = parts.isRanked ?? false;
    // The configuration has been checked for this.
    this.race = this.isRanked ? 1 : (parts.race ?? 1);
    this.nextAfterNxdomain = parts.next?.includes('NXDOMAIN') ?? false;
    this.nextAfterNodata = parts.next?.includes('NODATA') ?? false;
    this.nxdomainCut = parts.nxdomainCut ?? false;
    this.search = parts.search ?? 'off';
    this.load = parts.load ?? new ZoneLoad();
    this.isPublic = upstreams.length > 0 && upstreams.every((upstream) => !upstream.mayKnowPrivateNames);
    const encoder = new TextEncoder();
    this.loopTexts = upstreams.map((upstream) =>
      encoder.encode(`forwarding loop: ${nameForClients(upstream)} (${suffix})`),
    );
    this.#unusableText = encoder.encode(`no usable upstream (${suffix})`);
  }

  /** EDE text when no upstream is usable: names the loop if that is the reason. */
  unusableText(): Uint8Array {
    return this.selection.allQuarantined() ? this.loopTexts[0]! : this.#unusableText;
  }
}

/** The path of a URL may be a secret (RFC 8914 §6): clients get host and port. */
function nameForClients({ text, transport, spec }: Upstream): string {
  return transport === 'https' ? formatHostAndPort(spec.endpoint.host, spec.endpoint.port) : text;
}

/** One zone's use of one upstream. */
export interface Route {
  readonly zone: Zone;
  /** Position in zone.upstreams. */
  readonly index: number;
  /** EDE of the answer to a query that came back by this route. */
  readonly loopEde: Ede;
}

/** Finds a name's zone: the longest suffix wins. */
export class ZoneTable {
  readonly root: Zone;
  readonly zones: readonly Zone[];
  /** Each zone's use of each upstream, by route slot. */
  readonly routes: ReadonlyMap<number, Route>;
  readonly #suffixes = new SuffixTable<Zone>();

  /** `zones[0]` is the root zone. */
  constructor(zones: readonly Zone[]) {
    this.root = zones[0]!;
    this.zones = zones;
    for (const { load } of zones) load.isAlone = zones.length === 1;
    this.routes = new Map(
      zones.flatMap((zone) =>
        zone.routeSlots.map((slot, index) => [
          slot,
          { zone, index, loopEde: ede(EdeCode.notReady, zone.loopTexts[index]!) },
        ]),
      ),
    );
    for (const zone of zones.slice(1)) this.#suffixes.add(zone.wireSuffix, zone);
  }

  /** The zone of a query's QNAME. Costs nothing while the root zone is the only one. */
  find({ message, parsed }: ClientQuery): Zone {
    return this.#suffixes.find(message, parsed, 0) ?? this.root;
  }
}

/** The table before any routing is known: no query may use it. */
export const NO_ZONES = new ZoneTable([]);
