// What a message of `GET /events` says: /status and what happens now, or the status page as it is
// now. Made at most once a second.
import { DURATION_BUCKETS_SECONDS } from '../metrics/counters.ts';
import { rcodeLabel } from '../metrics/response-samples.ts';
import type { ServerSnapshot, TopLists } from './admin-source.ts';
import type { RateHistory } from './rate-history.ts';
import { renderPageUpdate } from './status-page.ts';
import { reportStatus } from './status-report.ts';

/** The last few seconds. */
export interface LiveRates {
  readonly queriesPerSecond: number;
  /** Half, and 99 %, of the answers took at most this long, ms; null when there was none. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  /** Of the look-ups in the cache; null when there was none. */
  readonly hitShare: number | null;
  /** Responses a second, by rcode; without those that did not occur. */
  readonly rcodes: Readonly<Record<string, number>>;
}

/** `event: status`. `nowMs` is on the clock of the history. */
export function statusEvent(snapshot: ServerSnapshot, history: RateHistory, nowMs: number): string {
  const live = liveRates(history, nowMs);
  return JSON.stringify({ ...reportStatus(snapshot, history, nowMs, Date.now()), live });
}

/** `event: page`. */
export function pageEvent(
  snapshot: ServerSnapshot,
  history: RateHistory,
  top: TopLists | null,
  nowMs: number,
): string {
  return JSON.stringify(renderPageUpdate(snapshot, history, top, { nowMs, wallMs: Date.now() }));
}

export function liveRates(history: RateHistory, nowMs: number): LiveRates {
  const rates = history.live(nowMs);
  const rcodes: Record<string, number> = {};
  for (const [rcode, perSecond] of rates.rcodesPerSecond.entries()) {
    if (perSecond > 0) rcodes[rcodeLabel(rcode)] = perSecond;
  }
  return {
    queriesPerSecond: rates.queriesPerSecond,
    p50Ms: finiteMs(rates.medianMs),
    p99Ms: finiteMs(rates.p99Ms),
    hitShare: rates.hitRatio,
    rcodes,
  };
}

/** JSON has no Infinity: past the last bucket it is the bound of that. */
function finiteMs(ms: number | null): number | null {
  return ms === null ? null : Math.min(ms, DURATION_BUCKETS_SECONDS.at(-1)! * 1000);
}
