// The loop log: one episode per route and loop, open while the route is out of use, and the
// log lines about it: one when it opens, one when it closes, and a summary per minute
// in between. Kept by episodes.ts on the main thread, read by GET /loops.
import { isIP } from 'node:net';
import { Evidence } from './evidence.ts';
import type { LoopSighting } from './sightings.ts';

/** What is reported about an episode: the JSON of GET /loops. */
export interface EpisodeView {
  readonly upstream: string;
  readonly zone: string;
  readonly evidence: 'edns' | 'case' | 'probe';
  readonly state: 'open' | 'closed';
  /** Queries and probes that came back. */
  readonly count: number;
  /** ISO 8601, wall time. */
  readonly first: string;
  readonly last: string;
  readonly path: readonly string[];
  readonly cure: string;
}

/** Writes a line. */
export type EpisodeLog = (
  level: 'warn' | 'info',
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void;

/** What the log says about a route. */
export interface EpisodeRoute {
  readonly slot: number;
  readonly upstream: string;
  readonly zone: string;
  readonly cure: string;
}

/** Episodes kept; the oldest closed one is dropped first, or else the oldest. */
export const MAX_EPISODES = 256;
/**
 * At most one line per interval about what is still open; a loop that is back within this time is
 * the same episode.
 */
export const SUMMARY_INTERVAL_MS = 60_000;
/** Open loops named in a summary line. */
const SUMMARY_NAMES = 8;
/** Slot of an episode whose route is gone. */
const NO_SLOT = -1;

interface Episode {
  readonly route: EpisodeRoute;
  /** The route's slot, as long as it stands for this route. */
  slot: number;
  readonly evidence: EpisodeView['evidence'];
  readonly path: readonly string[];
  readonly first: string;
  last: string;
  count: number;
  /** `count` when a summary was last written. */
  summarizedCount: number;
  open: boolean;
  /** Clock ms; meaningful when closed. */
  closedMs: number;
}

export class EpisodeBook {
  /** Oldest first. */
  readonly #episodes: Episode[] = [];
  readonly #openBySlot = new Map<number, Episode>();
  readonly #listen: string;
  readonly #wallNowMs: () => number;
  readonly #log: EpisodeLog;
  #summaryMs = -Infinity;
  #hopsLoggedMs = -Infinity;
  /** Such queries since that line. */
  #hopsExceeded = 0;

  /** `listen`: where clients reach us, for the path. */
  constructor(listen: string, wallNowMs: () => number, log: EpisodeLog) {
    this.#listen = listen;
    this.#wallNowMs = wallNowMs;
    this.#log = log;
  }

  /** For GET /loops, oldest first. */
  list(): EpisodeView[] {
    return this.#episodes.map(viewOf);
  }

  /**
   * Records that a route loops: adds to its open episode, continues one that was just closed, or
   * opens a new one.
   */
  record(route: EpisodeRoute, sighting: LoopSighting, nowMs: number): void {
    if (this.count(sighting)) return;
    const earlier = this.#episodes.findLast((episode) => episode.slot === route.slot);
    if (earlier !== undefined && nowMs - earlier.closedMs <= SUMMARY_INTERVAL_MS) {
      earlier.open = true;
      this.#openBySlot.set(route.slot, earlier);
      this.count(sighting);
      return;
    }
    const now = this.#wallText();
    const episode: Episode = {
      route,
      slot: route.slot,
      evidence: evidenceText(sighting.evidence),
      path: pathOf(this.#listen, route.upstream, sighting.peer),
      first: now,
      last: now,
      count: sighting.count,
      summarizedCount: sighting.count,
      open: true,
      closedMs: 0,
    };
    this.#makeRoom();
    this.#episodes.push(episode);
    this.#openBySlot.set(route.slot, episode);
    this.#summaryMs = nowMs;
    this.#log(
      'warn',
      `DNS forwarding loop: what is sent to ${route.upstream} for zone ${route.zone} comes back; ` +
        `it is out of use for that zone. ${route.cure}`,
      { ...viewOf(episode) },
    );
  }

  /** Adds to the route's open episode; false when there is none. */
  count(sighting: LoopSighting): boolean {
    const episode = this.#openBySlot.get(sighting.route);
    if (episode === undefined) return false;
    episode.count += sighting.count;
    episode.last = this.#wallText();
    return true;
  }

  /** The route is in use again. */
  close(slot: number, why: string, nowMs: number): void {
    const episode = this.#openBySlot.get(slot);
    if (episode === undefined) return;
    episode.open = false;
    episode.closedMs = nowMs;
    this.#openBySlot.delete(slot);
    const { upstream, zone } = episode.route;
    this.#log('info', `DNS forwarding loop over: ${upstream} is in use again for zone ${zone}: ${why}`, {
      ...viewOf(episode),
    });
  }

  /** The slot is about to be reused for another route: its episodes stay in the list, closed. */
  detach(slot: number, why: string, nowMs: number): void {
    this.close(slot, why, nowMs);
    for (const episode of this.#episodes) if (episode.slot === slot) episode.slot = NO_SLOT;
  }

  /**
   * Writes the line about what is still open if something came back since the last line and a
   * minute has passed.
   */
  summarize(nowMs: number): void {
    if (this.#openBySlot.size === 0 || nowMs - this.#summaryMs < SUMMARY_INTERVAL_MS) return;
    const names: string[] = [];
    let count = 0;
    for (const episode of this.#openBySlot.values()) {
      count += episode.count - episode.summarizedCount;
      episode.summarizedCount = episode.count;
      if (names.length < SUMMARY_NAMES) names.push(`${episode.route.upstream} (${episode.route.zone})`);
    }
    if (count === 0) return;
    this.#summaryMs = nowMs;
    const open = this.#openBySlot.size;
    this.#log('warn', `DNS forwarding loops still open: ${open}: ${names.join(', ')}`, { open, count });
  }

  /** Queries passed too many hops: a loop that cannot be blamed on one of our routes. */
  hopsExceeded(count: number, nowMs: number): void {
    this.#hopsExceeded += count;
    if (nowMs - this.#hopsLoggedMs < SUMMARY_INTERVAL_MS) return;
    this.#hopsLoggedMs = nowMs;
    this.#log(
      'warn',
      'refused DNS queries that had passed too many forwarders: they loop somewhere among them, or loop.maxHops is too small',
      { count: this.#hopsExceeded },
    );
    this.#hopsExceeded = 0;
  }

  #makeRoom(): void {
    if (this.#episodes.length < MAX_EPISODES) return;
    const closed = this.#episodes.findIndex((episode) => !episode.open);
    const [removed] = this.#episodes.splice(Math.max(closed, 0), 1);
    if (removed?.open === true) this.#openBySlot.delete(removed.slot);
  }

  #wallText(): string {
    return new Date(this.#wallNowMs()).toISOString();
  }
}

function viewOf({ route, evidence, open, count, first, last, path }: Episode): EpisodeView {
  const { upstream, zone, cure } = route;
  return { upstream, zone, evidence, state: open ? 'open' : 'closed', count, first, last, path, cure };
}

/** Too many hops open no episode: there is no route to name. */
function evidenceText(evidence: Evidence): EpisodeView['evidence'] {
  if (evidence === Evidence.edns) return 'edns';
  return evidence === Evidence.case ? 'case' : 'probe';
}

/**
 * The path of the loop as far as it is known: from us to the upstream and back, through the last
 * sender if that is another host.
 */
function pathOf(listen: string, upstream: string, peer: string): string[] {
  const path = [listen, upstream];
  const sender = isIP(peer) === 0 ? hostOf(peer) : peer;
  if (sender !== '' && sender !== hostOf(upstream)) path.push(sender);
  path.push(listen);
  return path;
}

/** The host in ADDR:PORT, [ADDR]:PORT or SCHEME://… */
function hostOf(upstream: string): string {
  const [, bracketed, plain] = /^(?:\w+:\/\/)?(?:\[([^\]]+)\]|([^:/]*))/.exec(upstream) ?? [];
  return bracketed ?? plain ?? '';
}
