// ★ Start reading here. The way of a query, step by step:
//
//   client ─▶ parse ─▶ loop guard ─▶ gate ─▶ zone ─▶ cache ─▶ coalescer ─▶ forward-path ─▶ upstream
//               │drop     │SERVFAIL    │REFUSED         │hit      │waits       │none usable: stale or
//               │FORMERR  │+ EDE 14    │+ EDE 18        ▼         ▼            ▼SERVFAIL + EDE 23
//   client ◀────┴─────────┴────────────┴─────────── answers ◀──────────── response-path ◀─── reply
//
// Called by Pipeline for each message, on its bytes: no decode, no promise, no throw.
import type { Clock } from '../base/clock.ts';
import { CacheHit, Lookup, type MessageCache } from '../cache/message-cache.ts';
import type { DnstapTap } from '../dnstap/dnstap-tap.ts';
import { Counter, type Counters, Drop } from '../metrics/counters.ts';
import type { TopCounts } from '../top/top-counts.ts';
import { EdeCode, Rcode } from '../wire/codes.ts';
import { ede, NO_EDE } from '../wire/ede.ts';
import { asksForKeepalive, asksForNsid } from '../wire/own-options.ts';
import { parseQuery, QueryVerdict } from '../wire/query.ts';
import { CacheState } from './answer-record.ts';
import { type Answers, SYNTHESIZED, staleEde } from './answers.ts';
import { type ClientGate, isLimitOfDatagrams } from './client-gate.ts';
import type { ClientQuery } from './client-query.ts';
import type { Coalescer } from './coalescer.ts';
import { LocalPath } from './local-path.ts';
import type { LoopGuard } from './loop-guard.ts';
import { type Malformed, ruleForMalformed } from './malformed.ts';
import { NO_ZONES, type Zone, type ZoneTable } from './zone.ts';

const NOT_ALLOWED = ede(EdeCode.prohibited);
const OVER_LIMIT = ede(EdeCode.other);

/** What the way in works with. */
export interface QueryPathParts {
  readonly clock: Clock;
  readonly counters: Counters;
  readonly cache: MessageCache;
  readonly gate: ClientGate;
  readonly loopGuard: LoopGuard;
  readonly coalescer: Coalescer;
  readonly answers: Answers;
  readonly top: TopCounts;
}

export class QueryPath {
  /** Swapped as a whole when routing changes; set before the first query. */
  zones: ZoneTable = NO_ZONES;
  /** Swapped when the configuration changes. */
  gate: ClientGate;
  /** What is answered here. */
  readonly local: LocalPath;
  /** Set while dnstap is on. */
  tap: DnstapTap | null = null;
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #cache: MessageCache;
  readonly #loopGuard: LoopGuard;
  readonly #coalescer: Coalescer;
  readonly #answers: Answers;
  readonly #top: TopCounts;
  readonly #hit = new CacheHit();
  /** Answers given at once since the batch started; timed together in endBatch(). */
  #immediate = 0;

  constructor({ clock, counters, cache, gate, loopGuard, coalescer, answers, top }: QueryPathParts) {
    this.#clock = clock;
    this.#counters = counters;
    this.#cache = cache;
    this.gate = gate;
    this.#loopGuard = loopGuard;
    this.#coalescer = coalescer;
    this.#answers = answers;
    this.local = new LocalPath(answers);
    this.#top = top;
  }

  /**
   * Handles one message of a client. Returns whether it gets an answer (now or later) through
   * replyTo.send(); false: it was dropped.
   */
  handle(query: ClientQuery): boolean {
    const { message, parsed, replyTo } = query;
    this.#counters.values[replyTo.stream ? Counter.queriesTcp : Counter.queriesUdp]!++;
    const verdict = parseQuery(message, query.length, parsed);
    if (verdict !== QueryVerdict.ok) return this.#rejectMalformed(query, verdict);
    if (this.tap !== null) this.tap.clientQuery(query, message, query.length);

    if (parsed.optionsLength !== 0) {
      if (replyTo.stream && asksForKeepalive(message, parsed)) replyTo.keepaliveAsked = true;
      if (this.#answers.nsid !== null) query.nsidAsked = asksForNsid(message, parsed);
    }
    // Is it one of our own, come back? Checked first: a storm of them must cost next to nothing.
    if (this.#loopGuard.check(query)) return this.#answered();
    // Also those that are refused: who asks too much is one of them.
    if (this.#top.queries.isDue())
      this.#top.noteQuery(message, parsed.qnameLength, parsed.nameHash, query.peers, query.peerOffset);

    const refusal = this.gate.refuses(query, this.#clock.nowMs);
    if (refusal !== null) return this.#refuse(query, refusal);

    const zone = this.zones.find(query);
    this.#answers.record.zone = zone;
    if (this.local.looksAt(query) && this.local.answer(query, zone)) return this.#answered();
    return parsed.opaque ? this.#forward(query, zone, false) : this.#answerFromCache(query, zone);
  }

  #answerFromCache(query: ClientQuery, zone: Zone): boolean {
    const hit = this.#hit;
    switch (this.#lookup(query, zone)) {
      case Lookup.fresh:
        this.#answers.cached(query, hit, NO_EDE, CacheState.fresh);
        return this.#answered();
      case Lookup.prefetch:
        this.#answers.cached(query, hit, NO_EDE, CacheState.fresh);
        this.#coalescer.refresh(query, zone);
        return this.#answered();
      case Lookup.cut:
        this.#counters.increment(Counter.nxdomainCuts);
        this.#answers.cached(query, hit, SYNTHESIZED, CacheState.cut);
        return this.#answered();
      case Lookup.failure:
        this.#answers.cachedFailure(query, hit);
        return this.#answered();
      case Lookup.staleNow:
        // The upstreams failed a moment ago: stale data without asking again (RFC 8767 §5).
        this.#counters.increment(Counter.cacheStale);
        this.#answers.cached(query, hit, staleEde(hit.rcode), CacheState.stale);
        return this.#answered();
      case Lookup.stale:
        return this.#forward(query, zone, true);
      default:
        return this.#forward(query, zone, false);
    }
  }

  #lookup({ message, parsed }: ClientQuery, zone: Zone): Lookup {
    const { nowMs } = this.#clock;
    return zone.nxdomainCut
      ? this.#cache.lookupCut(message, parsed, zone, nowMs, this.#hit)
      : this.#cache.lookup(message, parsed, zone.partition, nowMs, this.#hit);
  }

  /** The answer must come from an upstream, or from stale data if that is slow. */
  #forward(query: ClientQuery, zone: Zone, hasStale: boolean): boolean {
    const refusal = this.#coalescer.join(query, zone, hasStale);
    return refusal === null || this.#refuse(query, refusal);
  }

  /** No valid query: an error if the RFCs ask for one, else silence. Counted, never logged. */
  #rejectMalformed(query: ClientQuery, verdict: Malformed): boolean {
    const { drop, rcode } = ruleForMalformed(verdict);
    this.#counters.drop(drop);
    // Clients outside limits.allow, or over their rate, do not even get an error.
    if (rcode < 0 || this.gate.refuses(query, this.#clock.nowMs) !== null) return false;
    this.#answers.error(query, rcode, NO_EDE);
    return this.#answered();
  }

  /** A valid query that is not served: not allowed here, or over a limit. */
  #refuse(query: ClientQuery, reason: number): boolean {
    this.#counters.drop(reason);
    // Its address may be forged: over TCP the real owner of the address can prove itself.
    if (!query.overStream && isLimitOfDatagrams(reason)) this.#answers.sendToTcp(query);
    else this.#answers.error(query, Rcode.REFUSED, reason === Drop.not_allowed ? NOT_ALLOWED : OVER_LIMIT);
    return this.#answered();
  }

  #answered(): true {
    this.#immediate++;
    return true;
  }

  /** The batch that started at startMs is done: its immediate answers share one measured time. */
  endBatch(startMs: number): void {
    if (this.#immediate === 0) return;
    this.#counters.duration(this.#clock.refresh() - startMs, this.#immediate);
    this.#immediate = 0;
  }
}
