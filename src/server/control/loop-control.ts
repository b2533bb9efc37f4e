// The loop guard's main-thread half: workers' sightings and its own probes go into
// loop/episodes.ts, whose decisions are carried out here: routes taken out of use and put back,
// probes sent, lines logged.
import { randomInt } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { CONFIGURATION } from '../../base/endpoint.ts';
import type { Log } from '../../base/log.ts';
import type { Config } from '../../config/config.ts';
import type { EpisodeView } from '../../loop/episode-book.ts';
import { LoopEpisodes } from '../../loop/episodes.ts';
import { KeyRing, type LoopKeyMaterial } from '../../loop/keys.ts';
import { hasProbeProof, makeProbeName, PROBE_QTYPE } from '../../loop/probe.ts';
import type { LoopSighting } from '../../loop/sightings.ts';
import { Counter, type Counters } from '../../metrics/counters.ts';
import { type ReplyOwner, UpstreamQuery } from '../../upstream/exchange.ts';
import { isPublicAddress } from '../../upstream/public-address.ts';
import type { SharedUpstreamState } from '../../upstream/shared-state.ts';
import { writeQuestion } from '../../wire/build-query.ts';
import { Class } from '../../wire/codes.ts';
import { FLAG_RD } from '../../wire/header.ts';
import { textToName } from '../../wire/text.ts';
import type { MainUpstreams } from './main-upstreams.ts';
import type { RegisteredRoute } from './upstream-registry.ts';

const TICK_MS = 100;
/**
 * A probe that is not answered within this is forgotten; its return would be proof all the same.
 */
const PROBE_PATIENCE_MS = 3000;
/** Probes in flight at a time; further ones are not awaited. */
const MAX_PROBES = 256;

/** A probe on its way. */
class Probe extends UpstreamQuery {
  readonly route: number;
  readonly nonce: number;
  readonly name: Uint8Array;

  constructor(route: number, nonce: number, name: Uint8Array, owner: ReplyOwner) {
    super();
    this.route = route;
    this.nonce = nonce;
    this.name = name;
    this.owner = owner;
    this.bytes = new Uint8Array(12 + name.length + 4);
    this.length = writeQuestion(this.bytes, name, PROBE_QTYPE, Class.IN, FLAG_RD);
    this.questionEnd = this.length;
    // Whatever the box in between does to the case, its answer is an answer.
    this.matchCase = false;
  }
}

export interface LoopControlOptions {
  readonly config: Config;
  readonly keys: LoopKeyMaterial;
  readonly listen: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly state: SharedUpstreamState;
  readonly upstreams: MainUpstreams;
  /** The main thread's own block. */
  readonly counters: Counters;
  /** Tells all workers to send queries in flight by this route another way. */
  readonly leaveRoute: (routeSlot: number) => void;
}

export class LoopControl implements ReplyOwner {
  readonly #options: LoopControlOptions;
  readonly #keys: KeyRing;
  readonly #episodes: LoopEpisodes;
  readonly #timer: NodeJS.Timeout;
  readonly #probes = new Set<Probe>();
  #routes: ReadonlyMap<number, RegisteredRoute> = new Map();

  constructor(options: LoopControlOptions) {
    this.#options = options;
    const { config, clock, state } = options;
    this.#keys = new KeyRing(options.keys, clock.nowMs);
    this.#episodes = new LoopEpisodes({
      listen: options.listen,
      quarantine: config.loop.quarantine,
      probe: config.loop.probe,
      nonce: () => randomInt(2 ** 32),
      effects: {
        quarantine: (route) => {
          state.setQuarantined(route, true);
          options.leaveRoute(route);
        },
        release: (route) => {
          state.setQuarantined(route, false);
        },
        sendProbe: (route, nonce) => {
          void this.#sendProbe(route, nonce);
        },
        isHealthy: (route) => {
          const registered = this.#routes.get(route);
          return registered !== undefined && state.isUp(registered.upstream.spec.slot);
        },
        log: (level, message, fields) => options.log[level](fields, message),
      },
    });
    this.#timer = setInterval(() => this.#episodes.tick(clock.refresh()), TICK_MS);
  }

  /** For GET /loops. */
  list(): readonly EpisodeView[] {
    return this.#episodes.list();
  }

  /** Until when a route is out of use, wall clock; null: it is in use, or being tried again. */
  quarantinedUntilMs(routeSlot: number): number | null {
    const untilMs = this.#episodes.quarantinedUntilMs(routeSlot);
    return untilMs === null ? null : Date.now() + untilMs - this.#options.clock.refresh();
  }

  setRoutes(routes: readonly RegisteredRoute[]): void {
    this.#routes = new Map(routes.map((route) => [route.slot, route]));
    this.#episodes.setRoutes(
      routes.map((route) => ({
        slot: route.slot,
        upstream: route.upstream.spec.text,
        zone: route.zone,
        isPublic: isPublicAddress(route.upstream.spec.endpoint.host),
        cure: cureOf(route),
      })),
      this.#options.clock.refresh(),
    );
  }

  sighted(sightings: readonly LoopSighting[]): void {
    const nowMs = this.#options.clock.refresh();
    for (const sighting of sightings) this.#episodes.sighted(sighting, nowMs);
  }

  suspected(routeSlot: number, isWeak: boolean): void {
    this.#episodes.suspected(routeSlot, isWeak, this.#options.clock.refresh());
  }

  async #sendProbe(routeSlot: number, nonce: number): Promise<void> {
    const route = this.#routes.get(routeSlot);
    if (route === undefined || this.#probes.size >= MAX_PROBES) return;
    const nowMs = this.#options.clock.refresh();
    this.#keys.advance(nowMs);
    const name = makeProbeName(this.#keys, routeSlot, textToName(route.zone), nonce, nowMs);
    if (name === null) return;
    const probe = new Probe(routeSlot, nonce, name, this);
    this.#probes.add(probe);
    setTimeout(() => this.#forget(probe), PROBE_PATIENCE_MS).unref();
    this.#options.counters.increment(Counter.loopProbes);
    const upstream = await this.#options.upstreams.get(route.upstream.spec);
    // Forgotten, if everything has been closed in the meantime.
    if (this.#probes.has(probe)) upstream.send(probe, false);
  }

  #forget(probe: Probe): void {
    probe.exchange?.cancel(probe);
    this.#probes.delete(probe);
  }

  onReply(query: UpstreamQuery, bytes: Uint8Array, length: number): boolean {
    const { route, nonce, name } = query as Probe;
    const proven = hasProbeProof(this.#keys, name, bytes, length);
    this.#probes.delete(query as Probe);
    this.#episodes.probeReplied(route, nonce, proven, this.#options.clock.refresh());
    return true;
  }

  onFailure(query: UpstreamQuery): void {
    this.#probes.delete(query as Probe);
  }

  /** Ends it; routes that it took out of use are in use again. */
  close(): void {
    clearInterval(this.#timer);
    for (const route of this.#routes.keys()) this.#options.state.setQuarantined(route, false);
    for (const probe of [...this.#probes]) this.#forget(probe);
  }
}

/** How an operator fixes a route for good. */
function cureOf(route: RegisteredRoute): string {
  const { text } = route.upstream.spec;
  const { replaces, source } = route.upstream.origin;
  const where = source === CONFIGURATION ? 'the configuration' : source;
  if (replaces !== null) {
    return `${where} names ${text} instead of ${replaces}, and it forwards to us: name the real servers under upstreams:.`;
  }
  if (route.zone !== '.') {
    return `${text} forwards ${route.zone} back to us: correct it there, or name another server under zones: ${route.zone}.`;
  }
  return (
    `${text} (from ${where}) forwards to us: name the real servers under upstreams:, or let kubelet use ` +
    '--resolv-conf=/run/systemd/resolve/resolv.conf. `unloop doctor` tells which.'
  );
}
