// One thread's pipeline behind one door: messages of clients go in, answers come out through their
// sinks. Its constructor puts the parts together; nobody else does. The data plane (server/worker)
// owns one, and its listeners feed it.
//
//   handle ─▶ QueryPath ─▶ Coalescer ─▶ ForwardPath ─▶ upstream
//                │            │             ▲ ask again, next one
//                ▼            ▼ waits       │
//             Answers ◀──── Flight ◀── ResponsePath ◀── reply, failure
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../base/clock.ts';
import type { TimerWheel } from '../base/timer-wheel.ts';
import type { CachedEntry } from '../cache/cache-listing.ts';
import type { MessageCache } from '../cache/message-cache.ts';
import type { DnstapTap } from '../dnstap/dnstap-tap.ts';
import type { LoopDetector } from '../loop/detector.ts';
import type { Counters } from '../metrics/counters.ts';
import { TopCounts, type TopReport } from '../top/top-counts.ts';
import type { SharedUpstreamState } from '../upstream/shared-state.ts';
import { textToName } from '../wire/text.ts';
import { Answers } from './answers.ts';
import type { ClientGate } from './client-gate.ts';
import { ClientQuery } from './client-query.ts';
import { Coalescer } from './coalescer.ts';
import { Explainer, type ExplainQuestion, type Explanation } from './explain.ts';
import { ForwardPath } from './forward-path.ts';
import type { ForwardTimes } from './forward-times.ts';
import { KeptQueries, type KeptReport } from './kept-queries.ts';
import type { LocalData } from './local-path.ts';
import { LoopGuard, type LoopReporter } from './loop-guard.ts';
import { MarkLessons, type StumbleReporter } from './mark-lessons.ts';
import { type MarkPolicy, OutgoingQuery } from './outgoing-query.ts';
import type { FlightCounts } from './pending/flight-pool.ts';
import type { QueryFilter } from './query-filter.ts';
import { type QueryLines, QueryLog } from './query-log.ts';
import { QueryPath } from './query-path.ts';
import { RebindGuard } from './rebind-guard.ts';
import type { QueryHandler, ReplySink } from './reply-sink.ts';
import { ResponsePath } from './response-path.ts';
import { SearchFirst } from './search-first.ts';
import { SearchWaste } from './search-waste.ts';
import { WaiterPool } from './waiter.ts';
import type { ZoneTable } from './zone.ts';

/** What may change while the thread runs. */
export interface PipelineSettings {
  readonly times: ForwardTimes;
  readonly marks: MarkPolicy;
  readonly gate: ClientGate;
  /** UDP queries of one client that may wait at a time; 0: no limit. */
  readonly perClientWaiting: number;
  /** Suffixes that may have private addresses; null: rebinding protection is off. */
  readonly rebindExceptions: readonly string[] | null;
  /** What is answered here. */
  readonly local: LocalData;
  /** What clients that ask are told of this replica (RFC 5001); null: nothing. */
  readonly nsid: Uint8Array | null;
  /** Gets a line per answer; null: there is no such log. */
  readonly queryLog: QueryLines | null;
  /** Which answers get one. */
  readonly queryFilter: QueryFilter;
}

/** Reports to the main thread. */
export interface PipelineReporter extends LoopReporter {
  readonly stumbled: StumbleReporter;
}

export interface PipelineOptions {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly counters: Counters;
  readonly cache: MessageCache;
  readonly state: SharedUpstreamState;
  readonly detector: LoopDetector;
  readonly reporter: PipelineReporter;
  /** Clients that may wait at a time, and questions that may be in flight. */
  readonly maxInFlight: number;
  /** Drawn at random: nobody can choose which clients share a bucket. */
  readonly clientSeed: number;
  /** Those that share the work: what is counted for `/top` has room for all of them together. */
  readonly workers: number;
  readonly settings: PipelineSettings;
  /** Null: dnstap is off. */
  readonly tap: DnstapTap | null;
}

/** How often drain() looks whether somebody still waits. */
const DRAIN_STEP_MS = 10;

/** Which entries of the cache an operator wants to see. */
export interface WantedEntries {
  /** Exactly this name, as text; '': every name. */
  readonly name: string;
  /** 0: every type. */
  readonly qtype: number;
  /** A zone's suffix; '': all zones. */
  readonly zone: string;
  readonly limit: number;
}

export class Pipeline implements QueryHandler {
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #cache: MessageCache;
  readonly #waiters: WaiterPool;
  readonly #answers: Answers;
  readonly #outgoing: OutgoingQuery;
  readonly #forward: ForwardPath;
  readonly #responses: ResponsePath;
  readonly #loopGuard: LoopGuard;
  readonly #queryPath: QueryPath;
  readonly #explainer: Explainer;
  readonly #top: TopCounts;
  readonly #query = new ClientQuery();
  /** The exceptions of the rebinding protection in force, in one text; null: it is off. */
  #rebindExceptions: string | null = null;

  constructor(options: PipelineOptions) {
    const { clock, wheel, counters, cache, state, detector, reporter, settings, clientSeed } = options;
    const top = new TopCounts(options.workers, counters);
    const waiters = new WaiterPool(options.maxInFlight);
    const kept = new KeptQueries(clock, options.workers);
    const answers = new Answers(counters, cache, waiters, clock, { top, kept });
    const outgoing = new OutgoingQuery(settings.marks, detector, state, clock);
    const forward = new ForwardPath({
      maxFlights: options.maxInFlight,
      times: settings.times,
      clock,
      wheel,
      cache,
      counters,
      state,
      answers,
      outgoing,
      top,
    });
    const loopGuard = new LoopGuard({ detector, clock, wheel, counters, state, answers, forward, reporter });
    const lessons = new MarkLessons(clock, state, outgoing.domains, reporter.stumbled);
    const responses = new ResponsePath({
      forward,
      clock,
      cache,
      counters,
      state,
      answers,
      lessons,
      loopGuard,
      top,
    });
    const searchFirst = new SearchFirst({
      clock,
      counters,
      cache,
      answers,
      forward,
      replies: responses,
      loopGuard,
    });
    forward.leaderWatch = searchFirst;
    responses.searchFirst = searchFirst;
    answers.waste = new SearchWaste(counters, top, searchFirst.known);
    const coalescer = new Coalescer({
      clock,
      counters,
      loopGuard,
      forward,
      replies: responses,
      waiters,
      searchFirst,
      clientSeed,
    });
    const { gate } = settings;
    this.#queryPath = new QueryPath({ clock, counters, cache, gate, loopGuard, coalescer, answers, top });
    this.#explainer = new Explainer({ clock, cache, state, path: this.#queryPath, answers });
    this.#clock = clock;
    this.#counters = counters;
    this.#cache = cache;
    this.#waiters = waiters;
    this.#answers = answers;
    this.#outgoing = outgoing;
    this.#forward = forward;
    this.#responses = responses;
    this.#loopGuard = loopGuard;
    this.#top = top;
    answers.tap = options.tap;
    this.#queryPath.tap = options.tap;
    forward.tap = options.tap;
    responses.tap = options.tap;
    this.configure(settings);
  }

  handle(
    message: Uint8Array,
    length: number,
    replyTo: ReplySink,
    peers: Int32Array,
    peerOffset: number,
  ): boolean {
    const query = this.#query;
    query.take(message, length, replyTo, peers, peerOffset);
    return this.#queryPath.handle(query);
  }

  endBatch(startMs: number): void {
    this.#queryPath.endBatch(startMs);
  }

  /** New zones and upstreams, from the next query on; called before the first one. */
  setZones(zones: ZoneTable): void {
    this.#queryPath.zones = zones;
    this.#loopGuard.zones = zones;
    this.#top.forgetFailures();
  }

  /** New settings, from the next query on. */
  configure(settings: PipelineSettings): void {
    const { queryLog, queryFilter, rebindExceptions } = settings;
    this.#forward.times = settings.times;
    this.#outgoing.policy = settings.marks;
    this.#queryPath.gate = settings.gate;
    this.#queryPath.local.data = settings.local;
    this.#answers.nsid = settings.nsid;
    this.#waiters.perClientLimit = settings.perClientWaiting;
    this.#answers.queryLog =
      queryLog === null ? null : new QueryLog(queryLog, queryFilter, this.#clock, this.#counters);
    const exceptions = rebindExceptions?.join(' ') ?? null;
    if (exceptions === this.#rebindExceptions) return;
    this.#rebindExceptions = exceptions;
    this.#responses.rebindGuard = rebindExceptions === null ? null : new RebindGuard(rebindExceptions);
    // It may hold answers that the new guard would withhold.
    this.#cache.flush();
  }

  /** Clients that wait for an answer. */
  get waiting(): number {
    return this.#waiters.inUse;
  }

  /** Once a second. */
  tick(): void {
    this.#top.tick(this.#clock.nowMs);
    this.#answers.queryLog?.tick();
    this.#answers.kept.tick();
  }

  /** What happens to one query. Throws RangeError if its name is none. */
  explain(question: ExplainQuestion): Promise<Explanation> {
    return this.#explainer.explain(question);
  }

  /** Who asks most, for what, and what fails most. */
  reportTop(): TopReport {
    return this.#top.report();
  }

  /** The slowest and the last failed queries. */
  reportKept(): KeptReport {
    return this.#answers.kept.report();
  }

  /** Questions on their way to upstreams. */
  get flights(): FlightCounts {
    return this.#forward.pool;
  }

  /**
   * Drops cached answers: of one name and the names below it, of one zone, of both, or ('', '') of
   * all. Returns how many.
   */
  flush(name: string, zoneSuffix: string): number {
    const zone = this.#queryPath.zones.zones.find((candidate) => candidate.suffix === zoneSuffix);
    if (zoneSuffix !== '' && zone === undefined) return 0;
    return this.#cache.flush(name === '' ? undefined : name, zone?.partition);
  }

  /** What the cache holds, for operators. Throws RangeError if the text is not a name. */
  listCache(wanted: WantedEntries): CachedEntry[] {
    const { name, qtype, zone, limit } = wanted;
    const zones = this.#queryPath.zones.zones.filter(({ suffix }) => zone === '' || suffix === zone);
    const of = {
      name: name === '' ? null : textToName(name),
      qtype,
      zones: new Map(zones.map(({ partition, suffix }) => [partition, suffix])),
      limit,
    };
    return this.#cache.list(of, this.#clock.nowMs);
  }

  /** A route loops: what is in flight by it is sent another way. */
  leaveRoute(routeSlot: number): void {
    this.#loopGuard.leaveRoute(routeSlot);
  }

  /** Resolves when nobody waits any more, or at the time given (clock ms). */
  async drain(untilMs: number): Promise<void> {
    while (this.#waiters.inUse > 0 && this.#clock.refresh() < untilMs) await sleep(DRAIN_STEP_MS);
  }

  /**
   * The thread is about to exit: nothing more is asked, and failures say nothing about a server.
   */
  close(): void {
    this.#forward.closing = true;
  }
}
