// What upstreams did lately: whether they were asked at all, answer, or answer with errors only.
// From the workers' counters, once a second, for people (log, status page); nothing is decided by
// it, so that one client's bad names only change a text.
import type { CounterTotals } from '../../metrics/counters.ts';
import { FailureReason } from '../../upstream/exchange.ts';
import type { RegisteredUpstream } from './upstream-registry.ts';

/** Errors in a row, and no other answer between them, that make an upstream degraded. */
const MANY_ERRORS = 5;

/**
 * `unasked`: never asked; `unheard`: nothing was answered yet; `degraded`: the latest answers are
 * errors, all of them.
 */
export type UpstreamCondition = 'unasked' | 'unheard' | 'answers' | 'degraded';

interface Seen {
  /** Whose numbers these are: a slot may be given to another upstream. */
  readonly key: string;
  replies: number;
  errors: number;
  errorsInARow: number;
}

export class UpstreamConduct {
  readonly #totals: CounterTotals;
  readonly #seen = new Map<number, Seen>();

  constructor(totals: CounterTotals) {
    this.#totals = totals;
  }

  /**
   * Compares the counters with the last time's; returns those that have become degraded, and those
   * that are no longer.
   */
  look(upstreams: readonly RegisteredUpstream[]): {
    worse: RegisteredUpstream[];
    better: RegisteredUpstream[];
  } {
    const worse: RegisteredUpstream[] = [];
    const better: RegisteredUpstream[] = [];
    for (const upstream of upstreams) {
      const { slot, key } = upstream.spec;
      let seen = this.#seen.get(slot);
      if (seen?.key !== key) {
        seen = { key, replies: 0, errors: 0, errorsInARow: 0 };
        this.#seen.set(slot, seen);
      }
      const before = seen.errorsInARow >= MANY_ERRORS;
      const replies = this.#replies(slot);
      const errors = this.#totals.upstreamFailures(slot, FailureReason.rcode);
      const newErrors = errors - seen.errors;
      if (replies - seen.replies > newErrors) seen.errorsInARow = 0;
      else seen.errorsInARow += newErrors;
      seen.replies = replies;
      seen.errors = errors;
      const after = seen.errorsInARow >= MANY_ERRORS;
      if (after !== before) (after ? worse : better).push(upstream);
    }
    return { worse, better };
  }

  conditionOf(slot: number): UpstreamCondition {
    if (this.#totals.upstreamRequests(slot) === 0) return 'unasked';
    if (this.#replies(slot) === 0) return 'unheard';
    return (this.#seen.get(slot)?.errorsInARow ?? 0) >= MANY_ERRORS ? 'degraded' : 'answers';
  }

  #replies(slot: number): number {
    return this.#totals.upstreamDurationBuckets(slot).reduce((sum, count) => sum + count, 0);
  }
}
